/** What is drawn against what should be: chi-square over many draws of a small model, with and without a nucleus. */
import { expect, test } from "vitest";
import { rng } from "@tiller/schema";
import { Graph, mul, Program, softmax, State } from "@tiller/tensor";
import { gpt2Config, shapeOf } from "./architectures.ts";
import { Sampler } from "./sampler.ts";
import { declare, hiddenStates, initParams, logits, paramSpecs } from "./transformer.ts";

const V = 40;
const shape = shapeOf(gpt2Config({ layers: 2, heads: 2, width: 16, positions: 32, vocab: V }));
const specs = paramSpecs(shape);
const state = new State();
initParams(
  state,
  specs.map((s) => (typeof s.init === "number" ? { ...s, init: 20 * s.init } : s)), // far from uniform
  rng(1, "weights"),
);
const prompt = [3, 17, 8, 25];

/** probabilities of the next token, by the whole forward pass */
function wanted(temperature: number): Float32Array {
  const g = new Graph();
  const ids = g.input("ids", [1, prompt.length], "int64");
  const p = declare(g, specs);
  g.output("p", softmax(mul(logits(shape, p, hiddenStates(shape, p, ids)), 1 / temperature)));
  using program = new Program(g, state);
  program.run({ ids: prompt });
  return program.float("p").slice((prompt.length - 1) * V);
}
/** the value that chi-square of k degrees exceeds once in a thousand (Wilson and Hilferty 1931) */
const critical = (k: number) => k * (1 - 2 / (9 * k) + 3.09 * Math.sqrt(2 / (9 * k))) ** 3;

const rows = 64;
const rounds = 150;
test.each([
  [1, 1],
  [0.7, 1],
  [1, 0.8],
])("draws at temperature %d and nucleus %d follow the model", (temperature, topP) => {
  let p = [...wanted(temperature)];
  if (topP < 1) {
    // the likeliest that together reach topP, scaled up
    let mass = 0;
    const kept = new Set<number>();
    for (const i of [...p.keys()].sort((a, b) => p[b]! - p[a]!)) {
      if (mass >= topP) break;
      kept.add(i);
      mass += p[i]!;
    }
    p = p.map((x, i) => (kept.has(i) ? x / mass : 0));
  }
  using sampler = new Sampler(shape, state, rows);
  const counts = new Array<number>(V).fill(0);
  const exact = wanted(temperature);
  for (let round = 0; round < rounds; round++) {
    const drawn = sampler.sample(
      Array.from({ length: rows }, () => prompt),
      {
        maxTokens: 1,
        temperature,
        topP,
        rngs: Array.from({ length: rows }, (_, b) => rng(round * rows + b, "chi")),
      },
    );
    drawn.tokens.forEach(([token], b) => {
      counts[token!]!++;
      expect(Math.abs(drawn.logprobs[b]![0]! - Math.log(exact[token!]!))).toBeLessThan(1e-5);
    });
  }
  const n = rows * rounds;
  let [chi, bins, rareWanted, rareSeen] = [0, 0, 0, 0];
  p.forEach((x, i) => {
    if (x === 0) return expect(counts[i]).toBe(0);
    if (n * x < 5) {
      rareWanted += n * x;
      rareSeen += counts[i]!;
      return undefined;
    }
    bins++;
    return (chi += (counts[i]! - n * x) ** 2 / (n * x));
  });
  if (rareWanted >= 5) {
    bins++;
    chi += (rareSeen - rareWanted) ** 2 / rareWanted;
  }
  expect(bins).toBeGreaterThan(8);
  expect(chi).toBeLessThan(critical(bins - 1));
});

test("weights packed once give what the others give", () => {
  const draw = (frozen: boolean) => {
    using sampler = new Sampler(shape, state, 3, { frozen });
    return sampler.sample([prompt, [1], [5, 6]], {
      maxTokens: 12,
      temperature: 0.7,
      rngs: [1, 2, 3].map((seed) => rng(seed, "frozen")),
    });
  };
  const [plain, packed] = [draw(false), draw(true)];
  expect(packed.tokens).toEqual(plain.tokens);
  packed.logprobs.flat().forEach((l, i) => {
    expect(Math.abs(l - plain.logprobs.flat()[i]!)).toBeLessThan(1e-5);
  });
});

test("samplers of one state take turns without disturbing each other, and leave nothing behind", () => {
  const o = (seed: number) => ({ maxTokens: 10, temperature: 1, rngs: [rng(seed, "turns")] });
  const before = state.names();
  const alone = () => {
    using sampler = new Sampler(shape, state, 1);
    return sampler.sample([prompt], o(1)).tokens;
  };
  const wantedTokens = alone();
  using one = new Sampler(shape, state, 1);
  using two = new Sampler(shape, state, 1);
  const steps = one.steps([prompt], o(1));
  let seen: number[][] = [];
  for (const { tokens } of steps) {
    seen = tokens;
    two.sample([[9, 9, 9]], { ...o(2), maxTokens: 3 });
  }
  expect(seen).toEqual(wantedTokens);
  one[Symbol.dispose]();
  two[Symbol.dispose]();
  expect(state.names()).toEqual(before);
});
