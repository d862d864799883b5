/**
 * Keys of config.json that change what a model computes and are not computed here. Each stands with the values that change
 * nothing; any other is refused with the key, the value and a remedy. Read off the configuration classes of transformers
 * 5.18, and off those of their relatives, whose keys stay behind in files that were converted. What is in neither list
 * (training, sampling, token ids, names) changes no sum.
 */
import { TillerError } from "@tiller/schema";

/** Nothing was said. */
const off: readonly unknown[] = [null, false, 0];
const one: readonly unknown[] = [null, 1];
/** Of every architecture. */
const neutral: Readonly<Record<string, readonly unknown[]>> = Object.fromEntries(
  (
    [
      [off, "is_encoder_decoder add_cross_attention cross_attention_hidden_size"],
      [off, "use_bidirectional_attention per_layer_config quantization_config compression_config"],
      [off, "pruned_heads block_configs"],
      [[null, true], "is_causal"],
      // scales and caps of Gemma, Granite, Cohere, MiniCPM
      [off, "attn_logit_softcapping final_logit_softcapping logit_softcapping"],
      [
        one,
        "logit_scale logits_scaling logits_scale embedding_multiplier embedding_scale scale_emb",
      ],
      [one, "residual_multiplier"],
      [off, "scale_depth dim_model_base attention_multiplier attention_scale softmax_scale"],
      [off, "query_pre_attn_scalar normalize_embedding scale_embeddings"],
      // windows and positions by layer, other kinds of positions
      [off, "sliding_window_pattern attention_chunk_size layer_windows window_size rotary_dim"],
      [off, "no_rope_layers no_rope_layer_interval alibi use_alibi use_mrope rope_interleaved"],
      [off, "rope_interleave attn_temperature_tuning rope_local_base_freq"],
      [one, "rope_ratio"],
      [[null, "absolute"], "position_embedding_type"],
      // norms and clips
      [off, "clip_qkv qk_layernorm use_qk_norm qk_norm attn_sink parallel_attn"],
      [off, "embedding_layernorm use_post_norm"],
      // experts, and heads that predict more than the next token
      [off, "num_experts num_local_experts n_routed_experts moe_num_experts num_experts_per_tok"],
      [off, "n_shared_experts first_k_dense_replace num_nextn_predict_layers"],
      [off, "kv_lora_rank q_lora_rank"],
    ] as const
  ).flatMap(([allowed, keys]) => keys.split(" ").map((key) => [key, allowed] as const)),
);
/** `layer_types` that are one for all layers say nothing; readers that compute windows look at them first. */
const uniform = (value: unknown): boolean =>
  value === null || (Array.isArray(value) && value.every((x) => x === "full_attention"));

const empty = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Object.keys(value).length === 0;

/** Throws for the first key that asks for something else. `more`: of this architecture; it outweighs the common ones. */
export function refuseUncomputed(
  config: Readonly<Record<string, unknown>>,
  more: Readonly<Record<string, readonly unknown[]>> = {},
): void {
  for (const [key, allowed] of Object.entries({ ...neutral, ...more })) {
    const value = Object.hasOwn(config, key) ? (config[key] ?? null) : null;
    if (value !== null && !allowed.includes(value) && !empty(value)) throw uncomputed(key, value);
  }
  const types = config["layer_types"] ?? null;
  if (!uniform(types)) throw uncomputed("layer_types", types);
}

export const uncomputed = (key: string, value: unknown): TillerError =>
  new TillerError(
    "unsupported_model",
    `config.json has ${key} ${JSON.stringify(value)?.slice(0, 200)}, which is not computed here. Choose another model; set the key to its default only if the model was made without it.`,
  );
