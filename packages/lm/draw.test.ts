/** Exact values of penalties, biases and cuts, worked out by hand from OpenAI's formula and from the softmax. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { rng } from "@tiller/schema";
import { draw, drawFrom, type DrawOptions, readLogprobs, shaped, softmaxOf } from "./draw.ts";

const logits = Float32Array.of(2, 1, 0, -1);
const seen = {
  sampled: new Map([
    [0, 3],
    [2, 1],
  ]),
  prompt: new Set([1, 2]),
};
const T = { temperature: 1 };

test("penalties are taken off what was sampled, by how often and whether at all", () => {
  // mu[j] - c[j] frequency - (c[j] > 0) presence
  const o = { ...T, frequencyPenalty: 0.5, presencePenalty: 0.25 };
  expect([...shaped(logits, o, seen)]).toEqual([2 - 3 * 0.5 - 0.25, 1, -0.5 - 0.25, -1]);
});
test("the repetition penalty divides what is above 0 and multiplies what is below, of prompt and reply", () => {
  const all = { sampled: new Map([[3, 1]]), prompt: new Set([0]) };
  expect([...shaped(logits, { ...T, repetitionPenalty: 2 }, all)]).toEqual([1, 1, 0, -2]);
});
test("a bias is added; its ends ban a token, or allow no other", () => {
  const bias = (...entries: [number, number][]): DrawOptions => ({ ...T, bias: new Map(entries) });
  expect([...shaped(logits, bias([1, 2.5], [0, -1]), seen)]).toEqual([1, 3.5, 0, -1]);
  expect([...shaped(logits, bias([0, -100]), seen)]).toEqual([-Infinity, 1, 0, -1]);
  expect([...shaped(logits, bias([3, 100], [2, 100]), seen)]).toEqual([
    -Infinity,
    -Infinity,
    0,
    -1,
  ]);
});
test("softmax and log-probs: 2, 1, 0, -1", () => {
  const z = Math.E ** 2 + Math.E + 1 + 1 / Math.E;
  const p = [Math.E ** 2, Math.E, 1, 1 / Math.E].map((x) => x / z);
  softmaxOf(logits, 1).forEach((x, i) => expect(x).toBeCloseTo(p[i]!, 14));
  const hot = [Math.E, Math.sqrt(Math.E), 1, 1 / Math.sqrt(Math.E)];
  const all = hot.reduce((a, b) => a + b, 0);
  softmaxOf(logits, 2).forEach((x, i) => expect(x).toBeCloseTo(hot[i]! / all, 14));
  const read = readLogprobs(logits, 3, 2);
  expect(read.logprob).toBeCloseTo(Math.log(p[3]!), 13);
  expect(read.top.map((t) => t.id)).toEqual([0, 1]);
  expect(read.top[1]!.logprob).toBeCloseTo(Math.log(p[1]!), 13);
});

const p = [0.5, 0.25, 0.15, 0.1];
test.each<[string, Partial<DrawOptions>, number[]]>([
  ["nothing cut", {}, [0.5, 0.25, 0.15, 0.1]],
  ["nucleus .7", { topP: 0.7 }, [2 / 3, 1 / 3, 0, 0]],
  ["nucleus 0", { topP: 0 }, [1, 0, 0, 0]],
  ["the two likeliest", { topK: 2 }, [2 / 3, 1 / 3, 0, 0]],
  ["at least .3 of the likeliest", { minP: 0.3 }, [5 / 9, 2.5 / 9, 1.5 / 9, 0]],
  // of .5 .25 .15 the likeliest that reach .8 of their mass of .9
  ["three, then a nucleus", { topK: 3, topP: 0.8 }, [2 / 3, 1 / 3, 0, 0]],
])("draws follow the cut: %s", (_, o, wanted) => {
  const random = rng(1, "cuts");
  const n = 20_000;
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < n; i++) counts[drawFrom(p, { ...T, ...o }, random)]!++;
  wanted.forEach((w, i) => {
    if (w === 0) expect(counts[i]).toBe(0);
    else expect(Math.abs(counts[i]! / n - w)).toBeLessThan(5 * Math.sqrt((w * (1 - w)) / n) + 1e-9);
  });
});

test("whatever the options, one of the tokens that may be drawn is", () => {
  const o = fc.record({
    temperature: fc.double({ min: 0, max: 2, noNaN: true }),
    topP: fc.double({ min: 0, max: 1, noNaN: true }),
    topK: fc.nat(6),
    minP: fc.double({ min: 0, max: 1, noNaN: true }),
    presencePenalty: fc.double({ min: -2, max: 2, noNaN: true }),
    bias: fc
      .array(fc.tuple(fc.nat(3), fc.constantFrom(-100, -5, 0, 5)), { maxLength: 3 })
      .map((entries) => new Map(entries)),
  });
  const values = fc.array(fc.float({ min: -50, max: 50, noNaN: true }), {
    minLength: 4,
    maxLength: 4,
  });
  fc.assert(
    fc.property(o, values, fc.nat(), (options, xs, seed) => {
      const token = draw(Float32Array.from(xs), { ...options, seen }, rng(seed, "any"));
      expect(token).toBeGreaterThanOrEqual(0);
      expect(token).toBeLessThan(4);
      if ([...options.bias.values()].some((b) => b !== -100))
        expect(options.bias.get(token)).not.toBe(-100);
    }),
    { numRuns: 300 },
  );
});
