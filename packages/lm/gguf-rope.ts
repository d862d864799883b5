/**
 * Rotary positions in GGUF's terms and back: a factor, YaRN, or a tensor with a factor for each frequency. llama.cpp's YaRN
 * has the betas 32 and 1 and whole borders, as transformers' has where nothing else is said.
 */
import { largest } from "@tiller/schema";
import { z } from "zod";
import type { ModelConfig, ModelShape } from "./architectures.ts";
import type { Gguf, GgufValue, GgufWritten } from "./gguf.ts";
import { type Architecture, uncomputed, unsupported } from "./gguf-architectures.ts";
import { RopeParameters, ropeOf } from "./rope.ts";

/**
 * Stretched waves: by one factor, or by a tensor of factors, one a frequency. Llama 3's own are known again by trying;
 * any others are what transformers calls longrope, with one table for all lengths.
 */
export function readScaling(
  f: Gguf,
  o: {
    readonly architecture: Architecture;
    readonly dims: number;
    readonly base: number;
    readonly context: number;
    readonly type: GgufValue | undefined;
    readonly factor: number | undefined;
    readonly original: number | undefined;
    readonly amplitude: number;
    readonly file: string;
  },
): Record<string, unknown> | null {
  const type = o.type ?? "linear"; // as llama.cpp has it
  const linear = type === "linear" && o.factor ? o.factor : 1;
  const table = o.architecture === "llama" ? f.tensors.get("rope_freqs.weight")?.data : undefined;
  if (type === "yarn") {
    if (table) throw uncomputed(o.file, "rope_freqs.weight", "with yarn");
    const factor = o.factor ?? 1;
    return {
      rope_type: "yarn",
      factor,
      original_max_position_embeddings: o.original ?? o.context,
      // llama.cpp multiplies attn_factor with what transformers takes by default
      ...(o.amplitude !== 1 && { attention_factor: o.amplitude * yarnAmplitude(factor) }),
    };
  }
  if (o.amplitude !== 1)
    throw uncomputed(o.file, `${o.architecture}.rope.scaling.attn_factor`, o.amplitude);
  if (type !== "linear" && type !== "none")
    throw uncomputed(o.file, `${o.architecture}.rope.scaling.type`, type);
  if (!table) return linear === 1 ? null : { rope_type: "linear", factor: linear };
  const factors = Array.from(table, (x) => x * linear);
  const factor = largest(factors);
  for (let context = 16; linear === 1 && context <= 2 ** 20; context *= 2) {
    const near = factors.every((x, i) => {
      const turns = (context * o.base ** ((-2 * i) / o.dims)) / (2 * Math.PI);
      const keep = Math.min(1, Math.max(0, (turns - 1) / 3));
      return Math.abs(x * (keep + (1 - keep) / factor) - 1) < 1e-5;
    });
    if (near)
      return {
        rope_type: "llama3",
        factor,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: context,
      };
  }
  return {
    rope_type: "longrope",
    factor: 1,
    short_factor: factors,
    long_factor: factors,
    attention_factor: 1,
    original_max_position_embeddings: o.context,
  };
}

const yarnAmplitude = (factor: number) => (factor <= 1 ? 1 : 0.1 * Math.log(factor) + 1);

/** config.json's positions, wherever a version of it keeps them. */
export function ropeWritten(config: ModelConfig): { base: number; table: RopeParameters } {
  const tables = z.looseObject({
    rope_scaling: RopeParameters.nullish(),
    rope_parameters: RopeParameters.nullish(),
  });
  const table = ropeOf(tables.parse(config));
  const base = table.rope_theta ?? config["rope_theta"] ?? config["rotary_emb_base"] ?? 10_000;
  return { base: Number(base), table };
}

/** What GGUF says of positions that are not plain: one factor, YaRN, or a tensor with a factor for each frequency. */
export function scalingWritten(
  { rotary }: ModelShape,
  { base, table }: ReturnType<typeof ropeWritten>,
  architecture: Architecture,
): { metadata: readonly [string, GgufWritten][]; factors?: readonly number[] } {
  const { dims, frequencies, amplitude, long } = rotary!;
  const close = (x: number, y: number) => Math.abs(x / y - 1) <= 1e-6;
  if ((table.rope_type ?? table.type) === "yarn") {
    const { factor, original_max_position_embeddings: original } = table;
    const usual =
      (table.beta_fast ?? 32) === 32 && (table.beta_slow ?? 1) === 1 && (table.truncate ?? true);
    if (!usual || !factor || !original)
      throw unsupported(
        "YaRN without its factor or original_max_position_embeddings, or with betas of its own, cannot be written",
      );
    const attention = amplitude / yarnAmplitude(factor);
    return {
      metadata: [
        ["rope.scaling.type", "yarn"],
        ["rope.scaling.factor", { f32: factor }],
        ["rope.scaling.original_context_length", original],
        ...(close(attention, 1)
          ? []
          : [["rope.scaling.attn_factor", { f32: attention }] as [string, GgufWritten]]),
      ],
    };
  }
  if (long || amplitude !== 1)
    throw unsupported("LongRoPE with two tables or an attention factor cannot be written");
  const factors = frequencies.map((f, i) => base ** ((-2 * i) / dims) / f);
  if (factors.every((x) => close(x, 1))) return { metadata: [] };
  if (factors.every((x) => close(x, factors[0]!)))
    return {
      metadata: [
        ["rope.scaling.type", "linear"],
        ["rope.scaling.factor", { f32: factors[0]! }],
      ],
    };
  if (architecture !== "llama")
    throw unsupported(
      `rotary positions other than plain, linear or YaRN cannot be written for ${architecture}`,
    );
  return { metadata: [], factors };
}
