/**
 * Rotary positions (Su et al. 2021) of a config.json: inverse frequencies and what cosines and sines are multiplied with,
 * each `rope_type` as transformers 5.18 computes it (modeling_rope_utils.py). Its `dynamic` differs from `default` only past
 * max_position_embeddings, where no model is used here; `longrope` has a second table for longer texts.
 */
import { TillerError } from "@tiller/schema";
import { z } from "zod";
import { uncomputed } from "./config-keys.ts";

/** The first `dims` of each head turn, at the given inverse frequencies. */
export interface Rotary {
  /** two a frequency */
  readonly dims: number;
  /** in radians a position */
  readonly frequencies: readonly number[];
  /** cosines and sines are multiplied with it (YaRN's and LongRoPE's attention factor) */
  readonly amplitude: number;
  /** other frequencies for texts of more than `above` tokens */
  readonly long?: { readonly above: number; readonly frequencies: readonly number[] };
}

const x = z.number().positive();
const tokens = z
  .int()
  .positive()
  .max(2 ** 27);
export const RopeParameters = z.looseObject({
  rope_theta: x.optional(),
  rope_type: z.string().nullish(),
  type: z.string().nullish().describe("rope_type's old name"),
  factor: x.nullish(),
  low_freq_factor: x.nullish(),
  high_freq_factor: x.nullish(),
  original_max_position_embeddings: tokens.nullish(),
  partial_rotary_factor: x.max(1).nullish(),
  short_factor: z.array(x).max(4096).nullish(),
  long_factor: z.array(x).max(4096).nullish(),
  attention_factor: x.nullish(),
  beta_fast: z.number().nonnegative().nullish(),
  beta_slow: z.number().nonnegative().nullish(),
  mscale: z.number().nullish(),
  mscale_all_dim: z.number().nullish(),
  truncate: z.boolean().nullish(),
});
export type RopeParameters = z.infer<typeof RopeParameters>;

/** Keys of other libraries' positions, which transformers reads for other architectures. */
const foreign = ["alpha", "mrope_section", "mrope_interleaved", "llama_4_scaling_beta"];
const types = ["default", "linear", "dynamic", "yarn", "longrope", "llama3"];

/** config.json's table of rotary positions, as transformers chooses it: the old name first, an empty one is none. */
export const ropeOf = (c: {
  rope_scaling?: RopeParameters | null | undefined;
  rope_parameters?: RopeParameters | null | undefined;
}): RopeParameters =>
  [c.rope_scaling, c.rope_parameters].find((p) => p && Object.keys(p).length > 0) ?? {};

export interface RopeContext {
  /** dimensions of a head that turn; of odd ones, one more does */
  readonly dims: number;
  /** where the table has none */
  readonly theta: number;
  readonly positions: number;
  /** config.json's own original_max_position_embeddings, which outweighs the table's */
  readonly original?: number | null | undefined;
}

export function rotaryOf(p: RopeParameters, c: RopeContext): Rotary {
  const type = p.rope_type ?? p.type ?? "default";
  const nested = Object.entries(p).find(([, v]) => v && typeof v === "object" && !Array.isArray(v));
  if (nested) throw uncomputed(`rope_parameters.${nested[0]}`, nested[1]);
  for (const key of foreign) if (p[key] ?? null) throw uncomputed(`rope_parameters.${key}`, p[key]);
  const base = p.rope_theta ?? c.theta;
  const plain = Array.from(
    { length: Math.ceil(c.dims / 2) },
    (_, i) => base ** ((-2 * i) / c.dims),
  );
  const original = c.original ?? p.original_max_position_embeddings ?? c.positions;
  const made = (frequencies: readonly number[], amplitude = 1): Rotary => ({
    dims: 2 * frequencies.length,
    frequencies,
    amplitude,
  });
  const must = <K extends keyof RopeParameters>(key: K): NonNullable<RopeParameters[K]> => {
    const value = p[key];
    if (value !== null && value !== undefined) return value;
    throw wrong(`rotary positions of type ${type} need ${String(key)}`);
  };
  // a null, as DeepSeek's files have it, means what the lengths say; no key at all is a mistake
  const stretched = () =>
    p.factor === null || (type === "longrope" && p.factor === undefined)
      ? c.positions / original
      : must("factor");
  switch (type) {
    case "default":
    case "dynamic":
      return made(plain);
    case "linear":
      return made(plain.map((f) => f / must("factor")));
    case "llama3":
      must("factor");
      return made(llama3(plain, original, must));
    case "yarn":
      return made(...yarn(plain, p, { ...c, base, original, factor: stretched() }));
    case "longrope": {
      const amplitude = p.attention_factor ?? longAmplitude(stretched(), original);
      const by = (key: "short_factor" | "long_factor") => {
        const factors = must(key);
        if (factors.length !== plain.length)
          throw wrong(`${key} has ${factors.length} numbers, the heads need ${plain.length}`);
        return plain.map((f, i) => f / factors[i]!);
      };
      const [short, long] = [by("short_factor"), by("long_factor")];
      if (short.join() === long.join()) return made(short, amplitude);
      return { ...made(short, amplitude), long: { above: original, frequencies: long } };
    }
    default:
      throw new TillerError(
        "unsupported_model",
        `config.json asks for rotary positions of type ${type}; known are ${types.join(", ")}. Choose another model, or add it to packages/lm/rope.ts.`,
      );
  }
}

const wrong = (what: string) =>
  new TillerError("bad_config", `config.json: ${what}. Take the file from its source again.`);

/** Llama 3.1: long waves are stretched by `factor`, short ones kept, those between blended. */
function llama3(
  plain: readonly number[],
  context: number,
  must: (key: "factor" | "low_freq_factor" | "high_freq_factor") => number,
): number[] {
  const [factor, low, high] = [must("factor"), must("low_freq_factor"), must("high_freq_factor")];
  return plain.map((f) => {
    const turns = (context * f) / (2 * Math.PI); // in the context it was trained with
    const keep = Math.min(1, Math.max(0, (turns - low) / (high - low)));
    return keep * f + (1 - keep) * (f / factor);
  });
}

/** YaRN (Peng et al. 2023): the same blend, by the number of the frequency, and larger scores. */
function yarn(
  plain: readonly number[],
  p: RopeParameters,
  c: { dims: number; base: number; original: number; factor: number },
): [number[], number] {
  if (c.dims % 2)
    throw wrong(`rotary positions of type yarn turn an even number of dimensions, not ${c.dims}`);
  const at = (turns: number) =>
    (c.dims * Math.log(c.original / (turns * 2 * Math.PI))) / (2 * Math.log(c.base));
  const [fast, slow] = [at(p.beta_fast || 32), at(p.beta_slow || 1)];
  const whole = p.truncate ?? true;
  const low = Math.max(0, whole ? Math.floor(fast) : fast);
  const top = Math.min(c.dims - 1, whole ? Math.ceil(slow) : slow);
  const high = top === low ? top + 0.001 : top;
  const frequencies = plain.map((f, i) => {
    const ramp = Math.min(1, Math.max(0, (i - low) / (high - low)));
    return (f / c.factor) * ramp + f * (1 - ramp);
  });
  const mscale = (m: number) => (c.factor <= 1 ? 1 : 0.1 * m * Math.log(c.factor) + 1);
  const own =
    p.mscale && p.mscale_all_dim ? mscale(p.mscale) / mscale(p.mscale_all_dim) : mscale(1);
  return [frequencies, p.attention_factor ?? own];
}

/** LongRoPE (Ding et al. 2024), as Phi-3 has it. */
const longAmplitude = (factor: number, original: number): number =>
  factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));

/** The frequencies for texts of `length` tokens. */
export const frequenciesFor = (r: Rotary, length: number): readonly number[] =>
  r.long && length > r.long.above ? r.long.frequencies : r.frequencies;
