/**
 * A judge that sees k pixels of a digit: a small network trained on random ones (Irving et al. 2018, section 3.1: a judge trained on
 * random pixels, never on debates). Input: of each pixel its value, 0 if unseen, and whether it is seen. Differs: 8 x 8 digits and one
 * hidden layer, where the paper has MNIST and a convolutional network.
 */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { rng, type Rng } from "@tiller/schema";
import * as t from "@tiller/tensor";

export const PIXELS = 64;
export interface Digit {
  /** 0 to 16, row by row */
  readonly pixels: readonly number[];
  readonly label: number;
}
export function readDigits(): Digit[] {
  const text = gunzipSync(readFileSync(new URL("digits.csv.gz", import.meta.url))).toString();
  return text
    .trim()
    .split("\n")
    .map((line) => {
      const row = line.split(",").map(Number);
      return { pixels: row.slice(0, PIXELS), label: row[PIXELS]! };
    });
}
/** Where something was written. */
export const inked = (digit: Digit): number[] => digit.pixels.flatMap((v, i) => (v > 0 ? [i] : []));

/** What is seen: value by place. */
export type Seen = ReadonlyMap<number, number>;
export interface Judge {
  /** of the ten digits */
  logits(seen: Seen): number[];
  /** logit of `a` less that of `b` once one more pixel is seen, for each of `more` */
  margins(seen: Seen, more: readonly (readonly [number, number])[], a: number, b: number): number[];
}

export interface Training {
  readonly k: number;
  readonly seed: number;
  readonly steps: number;
  readonly hidden: number;
}
const BATCH = 128;

export function trainJudge(digits: readonly Digit[], o: Training): Judge {
  const g = new t.Graph();
  const shapes = {
    w1: [2 * PIXELS, o.hidden],
    b1: [o.hidden],
    w2: [o.hidden, 10],
    b2: [10],
  } as const;
  const params = new Map(Object.entries(shapes).map(([k, shape]) => [k, g.stateful(k, shape)]));
  const p = (name: keyof typeof shapes) => params.get(name)!;
  const h = t.relu(t.gemm(g.input("x", [BATCH, 2 * PIXELS]), p("w1"), p("b1"))); // (B, H)
  const logits = t.gemm(h, p("w2"), p("b2")); // (B, 10)
  const loss = t.neg(t.mean(t.tokenLogprobs(logits, g.input("label", [BATCH], "int64"))));
  g.output("loss", loss);
  t.adamw(loss, params, { clip: 1 });

  const state = new t.State();
  const init = rng(o.seed, "judge", "weights");
  for (const [name, shape] of Object.entries(shapes)) {
    const scale = shape.length === 1 ? 0 : Math.sqrt(2 / (name === "w1" ? 2 * o.k : shape[0]));
    const values = Array.from(
      { length: shape.reduce((a: number, b: number) => a * b, 1) },
      () => scale * init.normal(),
    );
    state.set(name, shape, values);
  }
  using program = new t.Program(g, state);
  const draw = rng(o.seed, "judge", "batches");
  const x = new Float32Array(BATCH * 2 * PIXELS);
  const label = new BigInt64Array(BATCH);
  for (let step = 1; step <= o.steps; step++) {
    x.fill(0);
    for (let row = 0; row < BATCH; row++) {
      const digit = draw.choose(digits);
      label[row] = BigInt(digit.label);
      for (const [i, v] of randomPixels(digit, o.k, draw)) {
        x[row * 2 * PIXELS + i] = v / 16;
        x[row * 2 * PIXELS + PIXELS + i] = 1;
      }
    }
    const lr = 2e-3 * (1 - (step - 1) / o.steps); // linear to 0
    program.run({ x, label, ...t.adamwInputs(step, lr) });
  }
  const weights = (name: string) => Float32Array.from(state.get(name).data);
  return network(weights("w1"), weights("b1"), weights("w2"), weights("b2"));
}

export function randomPixels(digit: Digit, k: number, draw: Rng): Map<number, number> {
  const places = draw.shuffle(inked(digit)).slice(0, k);
  return new Map(places.map((i) => [i, digit.pixels[i]!]));
}

/** The trained network, one picture at a time: with four pixels seen, its first layer is eight rows. */
function network(w1: Float32Array, b1: Float32Array, w2: Float32Array, b2: Float32Array): Judge {
  const H = b1.length;
  const addPixel = (z: Float32Array, i: number, v: number) => {
    const [value, mask] = [i * H, (PIXELS + i) * H];
    for (let h = 0; h < H; h++) z[h]! += (v / 16) * w1[value + h]! + w1[mask + h]!;
  };
  const before = (seen: Seen) => {
    const z = Float32Array.from(b1);
    for (const [i, v] of seen) addPixel(z, i, v);
    return z;
  };
  return {
    logits: (seen) => {
      const z = before(seen);
      const out = Array.from(b2);
      for (let h = 0; h < H; h++)
        if (z[h]! > 0) for (let c = 0; c < 10; c++) out[c]! += z[h]! * w2[h * 10 + c]!;
      return out;
    },
    margins: (seen, more, a, b) => {
      const z = before(seen);
      const apart = Float32Array.from({ length: H }, (_, h) => w2[h * 10 + a]! - w2[h * 10 + b]!);
      return more.map(([i, v]) => {
        const [value, mask] = [i * H, (PIXELS + i) * H];
        let sum = b2[a]! - b2[b]!;
        for (let h = 0; h < H; h++) {
          const on = z[h]! + (v / 16) * w1[value + h]! + w1[mask + h]!;
          if (on > 0) sum += on * apart[h]!;
        }
        return sum;
      });
    },
  };
}
