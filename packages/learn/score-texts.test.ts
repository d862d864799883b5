/** Texts of any length: windows leave no token out, a text that fits is scored as ever, and a head over features is the model. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { encodeAfter, encodePrompt } from "@tiller/lm";
import { loadModel, loadReward } from "./model.ts";
import { saveRewardHead } from "./reward-head.ts";
import { Scorer } from "./score.ts";
import { rewardTexts, summedFeatures, textFeatures, windowsOf } from "./score-texts.ts";

const base = path.join(import.meta.dirname, "../../models/base");
const dir = mkdtempSync(path.join(tmpdir(), "tiller-score-texts-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const long = "It was the whale, and the sea was still. ".repeat(30);
const texts = [
  { prompt: "Call me", text: " Ishmael." },
  { prompt: "", text: "Some years ago, never mind how long." },
  { prompt: "In the beginning", text: long },
  { prompt: long, text: " The end." },
];

test("windows hold every token of a text, none is longer than there are positions, shares add up to 1", async () => {
  const { tokenizer } = await loadModel(base);
  for (const t of texts) {
    const windows = windowsOf(tokenizer, t, 128);
    expect(windows.flatMap((w) => w.response)).toEqual(encodeAfter(tokenizer, t.prompt, t.text));
    expect(windows.every((w) => w.query.length + w.response.length <= 128)).toBe(true);
    expect(windows.reduce((n, w) => n + w.share, 0)).toBeCloseTo(1, 12);
  }
});

test.each(["mean", "sum"] as const)(
  "a head on features is a reward model, pooled by %s",
  async (pooling) => {
    const m = await loadModel(base);
    const { means, lengths } = await textFeatures(m, texts);
    const features = pooling === "sum" ? summedFeatures(means, lengths) : means;
    const width = m.shape.width;
    const weights = Float64Array.from({ length: width }, (_, d) => Math.sin(d));
    const by = texts.map((_, i) =>
      weights.reduce((n, w, d) => n + w * features[i * width + d]!, 0),
    );
    const out = path.join(dir, pooling);
    const { metrics } = await saveRewardHead(out, m, {
      weights,
      pooling,
      rewards: by,
      metrics: {},
      config: {},
    });
    const reward = await loadReward(out);
    expect(reward.pooling).toBe(pooling);
    const found = await rewardTexts(reward, texts);
    const mean = pooling === "sum" ? 0 : by.reduce((a, b) => a + b, 0) / by.length;
    by.forEach((r, i) => expect(found[i]).toBeCloseTo((r - mean) / metrics["scale"]!, 3));
    // where a text fits, it is what every other reader of rewards says
    using scorer = new Scorer(reward, 1, 64);
    const [first] = texts;
    const query = encodePrompt(reward.tokenizer, first!.prompt).ids;
    const response = encodeAfter(reward.tokenizer, first!.prompt, first!.text);
    expect(scorer.score([{ query, response }])[0]).toBeCloseTo(found[0]!, 4);
  },
);
