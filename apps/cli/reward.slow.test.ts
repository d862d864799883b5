/** tiller reward: from a file of comparisons to a reward model and the table beside what is cheap, all and head. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { rng } from "@tiller/schema";
import { rewardCommand } from "./reward.ts";

const { run } = rewardCommand;
const scratch = mkdtempSync(path.join(tmpdir(), "tiller-cli-reward-"));
const at = (...parts: string[]) => path.join(scratch, ...parts);
const printed: string[] = [];
beforeAll(() => {
  vi.spyOn(console, "log").mockImplementation((line: unknown) => void printed.push(String(line)));
  vi.spyOn(process.stderr, "write").mockImplementation(() => true);
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const json = async (...args: string[]) => {
  printed.length = 0;
  expect(await run([...args, "--json"])).toBe(0);
  return JSON.parse(printed.at(-1)!) as unknown;
};

/** Texts about the sea are better than texts about money, to three raters out of four; some are ties. */
function comparisons(n: number, seed: number): Record<string, unknown>[] {
  const random = rng(seed, "cli reward");
  const about = {
    sea: ["the whale", "the sea", "a harpoon", "the ship"],
    money: ["the treasury", "the tariff", "a bank", "public debt"],
  };
  const text = (of: readonly string[]) =>
    ` ${random.choose(of)} and ${random.choose(of)} before ${random.choose(of)} that day.`;
  return Array.from({ length: n }, (_, i) => {
    const [sea, money] = [text(about.sea), text(about.money)];
    const turned = i % 4 === 3 && random.next() < 0.5;
    const [chosen, rejected] = turned ? [money, sea] : [sea, money];
    const group = i % 3 ? "most" : "few";
    return { prompt: "We saw", chosen, rejected, rater: `r${i % 4}`, group, topic: `t${i % 8}` };
  });
}
const write = (name: string, rows: readonly unknown[]) => {
  writeFileSync(at(name), rows.map((r) => `${JSON.stringify(r)}\n`).join(""));
  return at(name);
};
const Table = z.looseObject({
  n: z.int(),
  accuracy: z.number(),
  low: z.number(),
  high: z.number(),
  lengthMatched: z.number().nullable(),
  baselines: z.strictObject({
    longer: z.number(),
    bagOfWords: z.number().nullable(),
    onePerson: z.number().nullable(),
  }),
  calibration: z.looseObject({ ece: z.number(), bins: z.array(z.unknown()) }),
  heldOut: z.looseObject({ learnedPairs: z.int() }).nullable(),
  groups: z.array(z.looseObject({ name: z.string() })),
});

test("a head in seconds, one a group; evaluate says what it learned from and draws its calibration", async () => {
  const [train, held] = [
    write("train.jsonl", comparisons(60, 1)),
    write("held.jsonl", comparisons(40, 2)),
  ];
  await json("train", train, "--learn", "head", "--out", at("head"), "--home", scratch);
  expect(existsSync(at("head", "groups", "few", "model.safetensors"))).toBe(true);
  const told = readFileSync(at("head", "learned-from.json"), "utf8");
  expect(told).not.toMatch(/r1|whale/); // by hashes alone
  const table = Table.parse(await json("evaluate", at("head"), held, "--plot", at("plot.svg")));
  expect(table.accuracy).toBeGreaterThan(0.7);
  expect(table.low).toBeLessThan(table.accuracy);
  expect(table.groups.map((g) => g.name)).toEqual(["few", "most"]);
  expect(readFileSync(at("plot.svg"), "utf8")).toMatch(
    /^<svg[^]*expected calibration error[^]*<\/svg>\s*$/,
  );
  const again = Table.parse(await json("evaluate", at("head"), train));
  expect(again.heldOut!.learnedPairs).toBe(again.n);
  // in words: the same figures, and a warning where pairs were learned from
  printed.length = 0;
  expect(await run(["evaluate", at("head"), train])).toBe(0);
  expect(printed.join("\n")).toMatch(
    /the longer wins[^]*a bag of words, 5 folds of topics[^]*learned from \d+ of these/,
  );
}, 120_000);

test("the whole base, with ties in the likelihood; an axis a model; errors say what is there", async () => {
  const rows = comparisons(48, 3).map((r, i) => ({ ...r, ...(i % 6 === 0 && { tie: true }) }));
  const tied = write("tied.jsonl", rows);
  const small = ["--epochs", "1", "--batch", "8", "--home", scratch];
  expect(await json("train", tied, "--out", at("all"), ...small)).toMatchObject({
    models: [
      {
        likelihood: "davidson",
        metrics: { tieWeight: expect.any(Number), scale: expect.any(Number) },
      },
    ],
  });
  const axes = write(
    "axes.jsonl",
    comparisons(24, 4).map((r, i) => ({ ...r, axis: i % 2 ? "tone" : "facts" })),
  );
  await json("train", axes, "--out", at("axes"), "--learn", "head", "--home", scratch);
  expect(existsSync(at("axes", "axes", "tone", "config.json"))).toBe(true);
  expect(await json("evaluate", at("axes"), axes)).toMatchObject({
    byAxis: [{ name: "facts" }, { name: "tone" }],
  });
  await expect(run(["train", axes, "--out", at("x"), "--axis", "wit"])).rejects.toThrow(
    /no axis wit; it has facts, tone/,
  );
  await expect(
    run(["evaluate", path.join(import.meta.dirname, "../../models/base"), tied]),
  ).rejects.toThrow(/no reward model/);
}, 120_000);
