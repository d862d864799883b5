/**
 * Rooms of the NYU platform, where the data is: every one folds; the figures are those of a separate reading of the platform's rules
 * (a few lines over its JSON, written before this code was run), and three rooms worked out by hand.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { conditions, type Condition } from "./conditions.ts";
import { importNyu, type Imported } from "./nyu.ts";
import { said, score } from "./score.ts";
import { renderTokens } from "./tokens.ts";
import { verdictsOf } from "./verdicts.ts";
import { view } from "./view.ts";

const data = path.join(import.meta.dirname, "../../../shared/data/nyu-debates");
const present = existsSync(data);
if (!present)
  console.warn("no ../shared/data/nyu-debates: rooms of the NYU platform are not tried");

let folder = "";
const rooms = new Map<string, Imported>();
const included = new Set<string>();
beforeAll(() => {
  if (!present) return;
  folder = mkdtempSync(path.join(os.tmpdir(), "tiller-nyu-"));
  execFileSync("tar", ["xf", path.join(data, "sample.tar.xz"), "-C", folder]);
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
  for (const file of files.filter((f) => f.endsWith(".json"))) {
    const name = path.basename(file, ".json");
    rooms.set(name, importNyu(name, JSON.parse(readFileSync(path.join(folder, file), "utf8"))));
  }
  for (const line of gunzipSync(readFileSync(path.join(data, "metadata.jsonl.gz")))
    .toString()
    .split("\n"))
    if (line) {
      const row = JSON.parse(line) as { name: string; includedInPaper: boolean };
      if (row.includedInPaper) included.add(row.name);
    }
}, 60_000);
afterAll(() => {
  if (folder) rmSync(folder, { recursive: true });
});

const figures = (found: readonly Condition[]) =>
  found.map((c) => [
    c.n,
    ...[c.accuracy, c.score, c.ece, c.rounds, c.bitsPerRound].map((x) => Number(x!.toFixed(4))),
  ]);

test.skipIf(!present)("53 rooms: the figures of a separate reading", () => {
  expect(rooms.size).toBe(53);
  const all = [...rooms.values()];
  // people: debate, consultancy; models: debate, consultancy
  expect(figures(conditions(all.filter((r) => included.has(r.name))))).toEqual([
    [14, 0.7857, -0.8415, 0.1429, 2.6429, 0.0996],
    [12, 0.9167, -0.5563, 0.175, 4.0833, 0.1494],
    [4, 1, -0.4837, 0.1575, 4.25, 0.156],
    [6, 0.8333, -1.5364, 0.2483, 5, -0.0522],
  ]);
  expect(figures(conditions(all))).toEqual([
    [19, 0.8421, -0.6616, 0.0968, 2.5263, 0.1778],
    [14, 0.7857, -0.9059, 0.1979, 4.2143, 0.0647],
    [5, 1, -0.4699, 0.128, 5, 0.1455],
    [7, 0.8571, -1.3803, 0.2086, 5.4286, -0.0161],
  ]);
});

test.skipIf(!present)("three rooms by hand", () => {
  const of = (name: string) => {
    const { rules, log } = rooms.get(name)!;
    return score(rules, log);
  };
  // .29/.71, .36/.64, then .01/.99 and the end; the second answer is right: log2 .99 less two turns
  const pail = of("a-pail-of-air-0")!;
  expect([pail.rounds, pail.continues, pail.prior[1]]).toEqual([2, 2, 0.71]);
  expect(pail.seats["judge"]).toBeCloseTo(Math.log2(0.99) - 0.1, 9);
  expect(pail.seats["a"]).toBeCloseTo(Math.log2(0.01), 9);
  // a consultant for the wrong answer wins: log2 .01 less two turns
  const grandma = of("grandma-perkins-and-the-space-6")!;
  expect(grandma.seats["judge"]).toBeCloseTo(-6.743856189774724, 9);
  expect(grandma.seats["b"]).toBeCloseTo(Math.log2(0.01), 9);
  // ended by both debaters, without a judge: no verdict
  expect(of("pied-piper-of-mars-3")).toBeUndefined();
});

test.skipIf(!present)("who judged, in the room and afterwards", () => {
  const all = [...rooms.values()].flatMap((r) => verdictsOf(r));
  expect(all.filter((v) => v.live)).toHaveLength(45); // as many as have a score above
  // a separate reading: offline judgments whose last word ended it
  expect(all.filter((v) => !v.live)).toHaveLength(19);
  const pail = verdictsOf(rooms.get("a-pail-of-air-0")!);
  expect(pail.map((v) => [v.judge, v.live])).toEqual([
    ["Osmanth Oatcake", true],
    ["Lulu Lemonade", false],
  ]);
  expect(pail[0]!.credence[1]).toBeCloseTo(0.99, 9);
  expect(rooms.get("a-pail-of-air-0")!.judgments[0]).toMatchObject({ mode: "stepped" });
});

test.skipIf(!present)(
  "quotes keep their characters, and a judge sees those of the story and no others",
  () => {
    for (const { rules, log } of rooms.values()) {
      const { act } = log[0]!;
      if (act.do !== "open" || log.length < 3) continue;
      const { body } = act.texts[0]!;
      const seen = view(rules, log, rules.rounds.some((r) => r.do === "credence") ? "judge" : "a");
      for (const p of seen.texts[0]!.passages) expect(body.slice(p.from, p.to)).toBe(p.characters);
      if (seen.seat === "judge") expect(seen.texts[0]!.body).toBeUndefined();
      for (const s of said(rules, log)) expect(s.fresh).toBeLessThanOrEqual(s.quoted);
    }
    const pail = rooms.get("a-pail-of-air-0")!;
    const first = said(pail.rules, pail.log)[0]!;
    expect([first.seat, first.honest]).toEqual(["a", false]);
  },
);

test("text out of tokens, with the place of each", () => {
  const tokens = [
    "``",
    "Do",
    "n't",
    "go",
    ",",
    "''",
    "said",
    "Tom",
    "-LRB-",
    "the",
    "\n",
    "\n",
    "man",
    "'s",
    "son",
    "-RRB-",
    ".",
  ];
  const { text, from, to } = renderTokens(tokens);
  expect(text).toBe("\"Don't go,\" said Tom (the\n\nman's son).");
  expect(text.slice(from[1], to[4])).toBe("Don't go,");
});
