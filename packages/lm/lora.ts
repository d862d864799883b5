/**
 * Low-rank adapters (Hu et al. 2022): beside a frozen linear layer W, two thin matrices add scale B A x. A starts
 * random, B at zero, so an adapted model begins as its base. Names are PEFT's: <layer>.lora_A.weight (rank, in) and
 * <layer>.lora_B.weight (out, rank). `blocks` uses adapters wherever the parameters hold them.
 */
import { type Rng, TillerError } from "@tiller/schema";
import type { State } from "@tiller/tensor";
import { layoutOf, type ModelShape, type ParamSpec } from "./architectures.ts";
import { paramSpecs } from "./transformer.ts";

export interface LoraOptions {
  readonly rank: number;
  /** the adapter's part counts alpha / rank; default: twice the rank */
  readonly alpha?: number;
  /** endings of the layers to adapt, such as "q_proj"; default: every linear layer inside the blocks */
  readonly targets?: readonly string[];
}
export const LORA_SCALE = "lora.scale";

/** Linear layers inside the blocks: name, inputs, outputs. */
export function linears(c: ModelShape): { name: string; from: number; to: number }[] {
  return paramSpecs(c)
    .filter((s) => s.shape.length === 2 && /\.\d+\./.test(s.name))
    .map(({ name, shape: [a, b] }) => ({
      name: name.replace(/\.weight$/, ""),
      ...(layoutOf(c).inOut ? { from: a, to: b } : { from: b, to: a }),
    }));
}

/** The adapters' parameters: what an optimiser is given, and what a checkpoint of them holds. */
export function loraSpecs(c: ModelShape, o: LoraOptions): ParamSpec[] {
  const all = linears(c);
  const chosen = all.filter(({ name }) => o.targets?.some((t) => name.endsWith(t)) ?? true);
  if (!chosen.length)
    throw new TillerError(
      "no_such_layer",
      `no linear layer ends in ${o.targets?.join(" or ")}. There are ${[...new Set(all.map((l) => l.name.split(".").at(-1)))].join(", ")}.`,
    );
  return chosen.flatMap(({ name, from, to }) => [
    { name: `${name}.lora_A.weight`, shape: [o.rank, from], init: 1 / Math.sqrt(3 * from) }, // variance of PEFT's Kaiming start
    { name: `${name}.lora_B.weight`, shape: [to, o.rank], init: "zero" as const },
  ]);
}

/** Puts fresh adapters and their scale beside the base's parameters; declare [...paramSpecs, ...the result]. */
export function addLora(state: State, c: ModelShape, o: LoraOptions, rng: Rng): ParamSpec[] {
  const specs = loraSpecs(c, o);
  for (const { name, shape, init } of specs) {
    const { data } = state.buffer(name, shape, "float32");
    for (let i = 0; i < data.length; i++)
      data[i] = init === "zero" ? 0 : rng.normal() * Number(init);
  }
  state.set(LORA_SCALE, [], [(o.alpha ?? 2 * o.rank) / o.rank]);
  return [...specs, { name: LORA_SCALE, shape: [], init: "one" }];
}

/**
 * A parameter as it is without adapters: its own values, or a copy with its adapter's part added. `valueOf` gives the
 * values of a name, undefined where there is none.
 */
export function mergedWeight(
  c: ModelShape,
  name: string,
  valueOf: (name: string) => Float32Array | undefined,
): Float32Array {
  const own = valueOf(name)!;
  const layer = name.replace(/\.weight$/, "");
  const [a, b] = [valueOf(`${layer}.lora_A.weight`), valueOf(`${layer}.lora_B.weight`)];
  const found = a && b && linears(c).find((l) => l.name === layer);
  if (!found) return own;
  const { from, to } = found;
  const [scale, { inOut }] = [valueOf(LORA_SCALE)![0]!, layoutOf(c)];
  const w = own.slice();
  addLowRank(w, { a, b, scale, from, to, inOut });
  return w;
}

/** w += scale B A, where w is (out, in), or (in, out) for `inOut`; sums in double precision. */
export function addLowRank(
  w: Float32Array,
  o: {
    readonly a: Float32Array;
    readonly b: Float32Array;
    readonly scale: number;
    readonly from: number;
    readonly to: number;
    readonly inOut: boolean;
  },
): void {
  const { a, b, from, to } = o;
  const rank = a.length / from;
  const row = new Float64Array(from);
  for (let out = 0; out < to; out++) {
    row.fill(0);
    for (let r = 0; r < rank; r++) {
      const factor = o.scale * b[out * rank + r]!;
      for (let i = 0; i < from; i++) row[i]! += factor * a[r * from + i]!;
    }
    for (let i = 0; i < from; i++) w[o.inOut ? i * to + out : out * from + i]! += row[i]!;
  }
}

/** Adds every adapter into its layer's weights and sets B to zero: the same model without the detour. */
export function mergeLora(state: State, c: ModelShape): void {
  const valueOf = (name: string) => (state.has(name) ? state.get(name).data : undefined);
  for (const { name } of linears(c)) {
    if (!state.has(`${name}.lora_B.weight`)) continue;
    state.get(`${name}.weight`).data.set(mergedWeight(c, `${name}.weight`, valueOf));
    state.get(`${name}.lora_B.weight`).data.fill(0);
  }
}
