/** tiller reward forecast: what more labels buy, from a file; the same file gives the same numbers, and its own check. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { rng } from "@tiller/schema";
import { rewardCommand } from "./reward.ts";

const { run } = rewardCommand;
const scratch = mkdtempSync(path.join(tmpdir(), "tiller-cli-forecast-"));
const printed: string[] = [];
beforeAll(() => {
  vi.spyOn(console, "log").mockImplementation((line: unknown) => void printed.push(String(line)));
  vi.spyOn(process.stderr, "write").mockImplementation(() => true);
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const write = (name: string, rows: readonly unknown[]) => {
  const file = path.join(scratch, name);
  writeFileSync(file, rows.map((r) => `${JSON.stringify(r)}\n`).join(""));
  return file;
};

/** Texts about the sea are better than texts about money, to three judgments in four. */
const random = rng(1, "cli forecast");
const text = (of: readonly string[], i: number) =>
  ` ${random.choose(of)} and ${random.choose(of)} before ${random.choose(of)} on day ${i}.`;
const rows = Array.from({ length: 160 }, (_, i) => {
  const sea = text(["the whale", "the sea", "a harpoon", "the ship"], i);
  const money = text(["the treasury", "the tariff", "a bank", "public debt"], i);
  const [chosen, rejected] = random.next() < 0.75 ? [sea, money] : [money, sea];
  return { prompt: `We saw on day ${i}`, chosen, rejected, rater: `r${i % 4}` };
});
const scores = rows.flatMap((r) =>
  [r.chosen, r.rejected].map((of) => ({
    text: of,
    score: / sea| whale| harpoon| ship/.test(of) ? 1 : 0,
  })),
);

const Point = z.looseObject({ pairs: z.int(), at: z.number(), low: z.number(), high: z.number() });
const Bought = z.looseObject({
  now: Point,
  more: z.array(Point.extend({ times: z.int() })),
  check: z.looseObject({ from: z.int(), forecast: Point, within: z.boolean() }).optional(),
});
const Found = z.looseObject({
  pairs: z.int(),
  judgments: z.number(),
  heldOutBy: z.string(),
  accuracy: Bought,
  gold: Bought.extend({ n: z.int() }).nullable(),
});
const forecast = async (...args: string[]) => {
  printed.length = 0;
  expect(await run(["forecast", ...args])).toBe(0);
  return printed;
};

test("twice and four times the labels with intervals, the check from a quarter, and gold where there are scores", async () => {
  const file = write("pairs.jsonl", rows);
  const json = ["--check", "--json", "--splits", "6", "--best-of", "2"];
  const gold = write("scores.jsonl", scores);
  const found = Found.parse(JSON.parse((await forecast(file, ...json, "--gold", gold)).at(-1)!));
  expect(found).toMatchObject({ pairs: 160, judgments: 160, heldOutBy: "prompts" });
  const { now, more, check } = found.accuracy;
  expect(now.at).toBeGreaterThan(0.6); // people agree with the rule in three of four
  expect(more.map((m) => [m.times, m.pairs])).toEqual([
    [2, 320],
    [4, 640],
  ]);
  for (const p of [now, ...more, check!.forecast]) expect(p.low < p.at && p.at < p.high).toBe(true);
  expect(check).toMatchObject({ from: 40, forecast: { pairs: 160 } });
  expect(check!.within).toBe(now.at >= check!.forecast.low && now.at <= check!.forecast.high);
  // of two texts of a prompt the better is worth half of their difference more than their mean
  expect(found.gold).toMatchObject({ n: 2 });
  expect(found.gold!.now.at).toBeGreaterThan(0.5);
  const again = Found.parse(JSON.parse((await forecast(file, ...json, "--gold", gold)).at(-1)!));
  expect(again).toEqual(found);

  const said = (await forecast(file, "--splits", "6", "--check")).join("\n");
  expect(said).toContain("160 pairs of 160 judgments");
  expect(said).toMatch(/4 x +640 +640 +0\.\d{3} +0\.\d{3} to \d\.\d{3}/);
  expect(said).toMatch(
    /From 40 pairs, a quarter, the forecast of all was 0\.\d+ .*; measured: 0\.\d+, (within|outside)/,
  );
}, 60_000);

test("too few pairs, and scores of other texts, are refused with their numbers", async () => {
  const few = write("few.jsonl", rows.slice(0, 14));
  await expect(run(["forecast", few])).rejects.toThrow(/14 pairs .* are too few/);
  const file = write("pairs.jsonl", rows.slice(0, 60));
  const other = write("other.jsonl", [{ text: "another", score: 1 }]);
  await expect(run(["forecast", file, "--gold", other])).rejects.toThrow(
    /0 of 120 compared texts have a score; the best of 16 needs 32 or more/,
  );
  await expect(
    run(["forecast", file, "--gold", write("bad.jsonl", [{ text: "a" }])]),
  ).rejects.toThrow(/row 1 of .*bad\.jsonl is no scored text: it has text/);
}, 60_000);
