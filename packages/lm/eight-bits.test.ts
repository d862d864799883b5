import { afterEach, expect, test, vi } from "vitest";
import { rng } from "@tiller/schema";
import { Graph, Program, State } from "@tiller/tensor";
import { gpt2Config, shapeOf } from "./architectures.ts";
import {
  askedBits,
  declareEightBits,
  eightBitProduct,
  matricesOf,
  quantise,
} from "./eight-bits.ts";
import { Sampler } from "./sampler.ts";
import { initParams, paramSpecs } from "./transformer.ts";

test.each([true, false])(
  "a rounded matrix is within half a step of each weight (in-out: %s)",
  (inOut) => {
    const [N, inputs, outputs] = [3, 64, 5];
    const random = rng(1, "w");
    const state = new State();
    const w = Float32Array.from({ length: inputs * outputs }, () => random.normal());
    const at = (o: number, i: number) => (inOut ? i * outputs + o : o * inputs + i);
    for (let i = 0; i < 32; i++) w[at(2, i)] = 0; // a block of zeros
    state.set("w", inOut ? [inputs, outputs] : [outputs, inputs], w);
    const matrices = [{ name: "w", inputs, outputs, inOut, block: 32 }];
    quantise(state, matrices);
    const [q, scales] = [
      state.buffer("w:q8", [outputs, 2, 32], "uint8").data,
      state.get("w:scale").data,
    ];
    const back = (o: number, i: number) =>
      (q[o * inputs + i]! - 128) * scales[o * 2 + Math.floor(i / 32)]!;
    for (let o = 0; o < outputs; o++)
      for (let i = 0; i < inputs; i++) {
        const step = scales[o * 2 + Math.floor(i / 32)]!;
        expect(Math.abs(back(o, i) - w[at(o, i)]!)).toBeLessThanOrEqual(step * 0.50001);
      }

    // the kernel's product, against the same in float64: it rounds x to 8 bits too, 1/254 of a block's largest at most
    const g = new Graph();
    const x = Float32Array.from({ length: N * inputs }, () => random.normal());
    const bias = Float32Array.from({ length: outputs }, () => random.normal());
    state.set("b", [outputs], bias);
    const p = declareEightBits(g, matrices);
    g.output("y", eightBitProduct(p, g.input("x", [N, inputs]), "w", g.stateful("b", [outputs]))!);
    using program = new Program(g, state, { frozen: new Set(["w:q8", "w:scale"]) });
    program.run({ x });
    const y = program.float("y");
    const most = Math.max(...x.map(Math.abs));
    for (let n = 0; n < N; n++)
      for (let o = 0; o < outputs; o++) {
        let [sum, size] = [bias[o]!, 0];
        for (let i = 0; i < inputs; i++) {
          sum += x[n * inputs + i]! * back(o, i);
          size += Math.abs(back(o, i));
        }
        expect(Math.abs(y[n * outputs + o]! - sum)).toBeLessThan((size * most) / 254 + 1e-5);
        expect(Math.abs(sum - bias[o]!)).toBeGreaterThan(0);
      }
  },
);

test("a sampler of 8 bits writes nearly the same log-probs, of the weights as they are when it is made", () => {
  const shape = shapeOf(gpt2Config({ layers: 2, heads: 2, width: 64, positions: 64, vocab: 80 }));
  const specs = paramSpecs(shape);
  // width 64: blocks of 64; the way down from 256: of 128
  expect(matricesOf(shape, specs).map((m) => m.block)).toEqual([
    64, 64, 64, 64, 128, 64, 64, 64, 128,
  ]);
  const state = new State();
  const fill = (seed: number) =>
    initParams(
      state,
      specs.map((s) => (typeof s.init === "number" ? { ...s, init: 8 * s.init } : s)),
      rng(seed, "weights"),
    );
  const draw = (bits?: 8) => {
    using sampler = new Sampler(shape, state, 2, { bits });
    return sampler.sample([[3, 17, 8], [25]], {
      maxTokens: 30,
      temperature: 0,
      rngs: [rng(1, "a"), rng(2, "a")],
    });
  };
  for (const seed of [1, 2]) {
    fill(seed);
    const [exact, rounded] = [draw(), draw(8)];
    // the same token for as long as they agree; a near tie may part them
    const same = exact.tokens.flatMap((row, b) => {
      const parted = row.findIndex((t, i) => t !== rounded.tokens[b]![i]);
      return row.slice(0, parted < 0 ? row.length : parted).map((_, i) => [b, i] as const);
    });
    expect(same.length).toBeGreaterThan(10);
    const gaps = same.map(([b, i]) => Math.abs(exact.logprobs[b]![i]! - rounded.logprobs[b]![i]!));
    expect(Math.max(...gaps)).toBeLessThan(0.2);
    expect(Math.max(...gaps)).toBeGreaterThan(1e-5); // it is another arithmetic
  }
});

test.each([
  [undefined, undefined],
  ["8", 8],
  ["32", undefined],
])("TILLER_BITS=%s asks for %s", (given, bits) => {
  vi.stubEnv("TILLER_BITS", given);
  expect(askedBits()).toBe(bits);
});
test.each(["4", "", "eight"])("TILLER_BITS=%s is refused with what it may be", (given) => {
  vi.stubEnv("TILLER_BITS", given);
  expect(() => askedBits()).toThrow(/Set TILLER_BITS or --bits to 8, or leave it out/);
});
afterEach(() => vi.unstubAllEnvs());
