/** Features of texts: neighbours and padding change nothing, and a text longer than the model is read to its end. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { streamFeatures } from "./features.ts";
import { saveSmallModel, smallConfig } from "./fixtures/small-model.ts";
import { loadModel } from "./model.ts";

const dir = mkdtempSync(path.join(tmpdir(), "tiller-features-"));
beforeAll(() => saveSmallModel(dir, smallConfig({ layers: 2, positions: 32 })));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test("a text has the same features alone and among others; the prompt is read and not counted", async () => {
  const m = await loadModel(dir);
  const prompt = "The sea was calm.";
  const text = " The men sang of home.";
  const d = m.shape.width;
  const row = (of: Float32Array, i: number) => [...of.subarray(i * d, (i + 1) * d)];
  const alone = streamFeatures(m, [{ prompt, text }]);
  expect(alone).toHaveLength(d);
  const among = streamFeatures(m, [
    { prompt: "", text: " x".repeat(90) },
    { prompt, text },
    { prompt: "Call me.", text },
  ]);
  const [mine, other] = [row(among, 1), row(among, 2)];
  row(alone, 0).forEach((v, k) => expect(mine[k]).toBeCloseTo(v, 5));
  expect(mine.some((v, k) => Math.abs(v - other[k]!) > 1e-3)).toBe(true); // after another prompt
  // windows: what stands behind the model's positions counts as well
  const ends = streamFeatures(
    m,
    [" sea", " men"].map((end) => ({ prompt: "", text: " x".repeat(90) + end })),
  );
  expect(row(ends, 0).some((v, k) => Math.abs(v - row(ends, 1)[k]!) > 1e-4)).toBe(true);
  expect(ends.every(Number.isFinite)).toBe(true);
});

test("an empty text is refused by its number", async () => {
  const m = await loadModel(dir);
  expect(() =>
    streamFeatures(m, [
      { prompt: "a", text: " b" },
      { prompt: "a", text: "" },
    ]),
  ).toThrow(/text 1 is empty/);
});
