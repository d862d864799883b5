/** A reward model centred on demonstrations gives them 0 on average, orders texts as the other does, and keeps its variance. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { rng } from "@tiller/schema";
import { context as contextIn, runJob } from "./fixtures/context.ts";
import { saveSmallModel, smallConfig } from "./fixtures/small-model.ts";
import { loadReward } from "./model.ts";
import { rewardJob } from "./reward.ts";
import { rewardTexts } from "./score-texts.ts";

const dir = mkdtempSync(path.join(tmpdir(), "tiller-centred-"));
const base = path.join(dir, "base");
beforeAll(() => saveSmallModel(base, smallConfig({ layers: 1, positions: 64 })));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const draw = rng(3, "pairs");
const words = ["good", "hope", "war", "sea", "whale", "night"];
const text = (n: number) =>
  ` The ${Array.from({ length: n }, () => draw.choose(words)).join(" ")}.`;
const pairs = Array.from({ length: 24 }, (_, i) => ({
  prompt: `Part ${i}.`,
  chosen: ` It was good.${text(2)}`,
  rejected: text(4),
}));
const demonstrations = Array.from({ length: 7 }, (_, i) => ({
  prompt: `${"The ship lay still. ".repeat(3 * i)}TL;DR:`, // the last ones are longer than maxTokens
  completion: text(2 + i),
}));
const learned = async (name: string, more: object = {}) => {
  const { job } = contextIn(path.join(dir, name), {
    pairs,
    demonstrations,
    empty: [{ prompt: "", completion: "" }],
  });
  const config = { epochs: 1, batch: 6, validation: 0, ...(more as { config?: object }).config };
  const input = { base, pairs: "pairs", maxTokens: 40, seed: 1, ...more, config };
  const { metrics } = await runJob(rewardJob, input as never, job);
  return { model: await loadReward(path.join(dir, name, "checkpoint")), metrics };
};
const mean = (xs: ArrayLike<number>) => Array.from(xs).reduce((s, x) => s + x, 0) / xs.length;

test("demonstrations have mean 0; every difference of two texts is as it was", async () => {
  const [plain, centred] = [
    await learned("plain"),
    await learned("centred", { centredOn: "demonstrations" }),
  ];
  const fitting = demonstrations.slice(0, 3).map((d) => ({ prompt: d.prompt, text: d.completion }));
  const all = demonstrations.map((d) => ({ prompt: d.prompt, text: d.completion }));
  expect(centred.metrics).toMatchObject({ centredOn: 7 });
  expect(plain.metrics).not.toHaveProperty("centredOn");
  expect(centred.metrics["scale"]).toBe(plain.metrics["scale"]);
  const [before, after] = [
    await rewardTexts(plain.model, fitting),
    await rewardTexts(centred.model, fitting),
  ];
  const shift = after[0]! - before[0]!;
  after.forEach((r, i) => expect(r - before[i]!).toBeCloseTo(shift, 5));
  expect(Math.abs(shift)).toBeGreaterThan(1e-3); // it was not 0 before
  // scored as the job read them: within maxTokens
  const { tokenizer } = centred.model;
  const cut = all.map(({ prompt, text }) => {
    const most = 40 - tokenizer.encode(text).length;
    return { prompt: tokenizer.decode(tokenizer.encode(prompt).slice(-most)), text };
  });
  expect(mean(await rewardTexts(centred.model, cut))).toBeCloseTo(0, 5);
}, 60_000);

test.each([
  [
    "a sum, which has no centre",
    { config: { pooling: "sum" }, centredOn: "demonstrations" },
    "sum_has_no_centre",
  ],
  ["demonstrations without a word", { centredOn: "empty" }, "no_demonstrations"],
])("%s is refused", async (name, more, code) => {
  await expect(learned(name.replaceAll(" ", "-"), more)).rejects.toMatchObject({ code });
});
