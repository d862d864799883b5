/**
 * `tiller room show` and `tiller debate score` as they are typed, and the page in a real browser: a recursive debate, light and dark, wide
 * and on a phone. TILLER_SCREENSHOTS=FOLDER keeps what it looked like.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { protocols } from "@tiller/room";
import { playthrough } from "@tiller/room/fixtures/random.ts";
import { rng } from "@tiller/schema";
import { faults } from "./browser/axe.ts";
import { launchBrowser } from "./browser/launch.ts";

const folder = mkdtempSync(path.join(os.tmpdir(), "tiller-room-"));
let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
}, 60_000);
afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true });
});
const tiller = (...args: string[]) =>
  spawnSync(process.execPath, ["apps/cli/main.ts", ...args], {
    cwd: path.join(import.meta.dirname, ".."),
    encoding: "utf8",
  });
const at = (name: string) => path.join(folder, name);
/** Barnes and Christiano's protocol, with quotes. */
const given = protocols.get("barnes-christiano")!;
const rules = {
  ...given,
  rounds: given.rounds.map((r) => (r.do === "speak" ? { ...r, quoted: 200 } : r)),
};
const logs = [...playthrough(rules, rng(7, "reader"))];
const save = (name: string, log: (typeof logs)[number]) =>
  writeFileSync(
    at(name),
    JSON.stringify({ kind: "tiller-room", version: 1, name: "The lamp", rules, log }),
  );

test("a finished room as one file: read, followed, on a phone and in the dark", async () => {
  save("room.json", logs.at(-1)!);
  const made = tiller("room", "show", at("room.json"), "--out", at("room.html"));
  expect(made.stderr).toBe("");
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.setDefaultTimeout(45_000);
  await page.goto(pathToFileURL(at("room.html")).href);
  expect(await page.locator(".move").count()).toBeGreaterThan(8);
  // a quote leads to its place, the name before the mark leads back
  const quote = page.locator(".quote").first();
  const words = await quote.textContent();
  await quote.click();
  expect(await page.locator("mark:target").textContent()).toContain(words!.slice(0, 1));
  await page.locator("aside .back").first().click();
  expect(await page.locator(".move:target").count()).toBe(1);
  await page.keyboard.press("j");
  expect(await page.evaluate("document.activeElement.className")).toContain("move");
  const shots = process.env["TILLER_SCREENSHOTS"];
  for (const [width, scheme] of [
    [1280, "light"],
    [390, "light"],
    [1280, "dark"],
    [390, "dark"],
  ] as const) {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme: scheme });
    expect(await faults(page)).toEqual([]);
    expect(
      await page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth",
      ),
    ).toBe(0);
    if (shots) await page.screenshot({ path: path.join(shots, `room-${width}-${scheme}.png`) });
  }
  await page.close();
});

test("a room that goes on is shown as a seat sees it; what is wrong is said in a line", () => {
  save("open.json", logs[2]!);
  expect(tiller("room", "show", at("open.json"), "--out", at("x.html")).stderr).toMatch(
    /is not over.*--seat/,
  );
  expect(
    tiller("room", "show", at("open.json"), "--out", at("x.html"), "--seat", "judge").status,
  ).toBe(0);
  expect(tiller("room", "check", "nobodys-rules").stderr).toMatch(
    /there is no protocol nobodys-rules; the ready-made are/,
  );
  const drawn = tiller("room", "check", "nyu-debate", "--graph", at("nyu.svg"), "--json");
  expect(JSON.parse(drawn.stdout)).toMatchObject({ problems: [], bound: 65 });
});

test("rooms of a folder are scored; the paper's are asked for by the metadata", () => {
  const speech = (text: string) => ({ speaker: "x", timestamp: 2, content: [{ Text: { text } }] });
  const judge = (p: number, endDebate: boolean) => ({
    JudgeFeedback: { distribution: [p, 1 - p], feedback: { timestamp: 1, content: [] }, endDebate },
  });
  const limits = { charLimit: 750, quoteLimit: 250 };
  const room = (last: number) => ({
    setup: {
      rules: {
        fixedOpening: [{ JudgeFeedbackRound: { charLimit: 750 } }],
        repeatingStructure: [
          { SequentialSpeechesRound: limits },
          { JudgeFeedbackRound: { charLimit: 750 } },
        ],
        fixedClosing: null,
        scoringFunction: { LogScoreWithLinearPenalty: { logBase: 2, perTurnPenalty: 0.05 } },
      },
      sourceMaterial: { CustomSourceMaterial: { title: "T", contents: ["One", "day", "."] } },
      question: "?",
      answers: ["yes", "no"],
      correctAnswerIndex: 0,
      roles: { "Debater A": "Ann", "Debater B": "Ben", Judge: "Jo" },
      creationTime: 0,
    },
    rounds: [
      judge(0.5, false),
      { SequentialSpeeches: { speeches: { 0: speech("yes"), 1: speech("no") } } },
      judge(last, true),
    ],
  });
  const rooms = path.join(folder, "rooms");
  spawnSync("mkdir", [rooms]);
  const put = (name: string, value: unknown) =>
    writeFileSync(path.join(rooms, name), JSON.stringify(value));
  put("one.json", room(0.75));
  put("two.json", room(0.25));
  put("three.json", room(0.5));
  expect(tiller("debate", "score", rooms, "--include", "paper").stderr).toMatch(
    /no \*metadata.json/,
  );
  const scored = (...more: string[]) =>
    (
      JSON.parse(tiller("debate", "score", rooms, "--json", ...more).stdout) as {
        conditions: object[];
      }
    ).conditions[0];
  expect(scored()).toMatchObject({
    human: true,
    debate: true,
    n: 3,
    accuracy: 1 / 3,
    ties: 1,
    rounds: 1,
  });
  put("debates-metadata.json", [
    { name: "one", includedInPaper: true },
    { name: "two", includedInPaper: false },
  ]);
  const paper = scored("--include", "paper") as { score: number; bitsPerRound: number };
  expect(paper).toMatchObject({ n: 1, accuracy: 1, ties: 0 });
  expect(paper.score).toBeCloseTo(Math.log2(0.75) - 0.05, 9);
  expect(paper.bitsPerRound).toBeCloseTo(Math.log2(1.5), 9);
});
