/**
 * What transformers and TRL need beside the weights: config.json with the ids that begin, end and fill a text (else
 * they take GPT-2's 50256, which may be outside the vocabulary), no dropout that nobody asked for, the class of the head;
 * and a tokenizer_config.json that names the same tokens. What a file says already stays.
 */
import { z } from "zod";
import type { ModelConfig } from "./architectures.ts";

const Named = z.looseObject({
  added_tokens: z.array(z.looseObject({ id: z.int(), content: z.string() })).default([]),
});
const names = {
  eos: ["<|endoftext|>", "</s>", "<|end_of_text|>", "<|im_end|>", "<eos>"],
  bos: ["<s>", "<|begin_of_text|>", "<bos>", "<|endoftext|>"],
  pad: ["<|pad|>", "<pad>", "<|finetune_right_pad_id|>", "[PAD]"],
};
const classes: Readonly<Record<string, string>> = {
  gpt2: "GPT2",
  gpt_neox: "GPTNeoX",
  llama: "Llama",
  mistral: "Mistral",
  qwen2: "Qwen2",
  qwen3: "Qwen3",
};
const tokensOf = (tokenizer: unknown) =>
  new Map(
    (Named.safeParse(tokenizer).data?.added_tokens ?? []).map((t) => [t.content, t.id] as const),
  );
const first = (x: unknown): number | undefined => {
  const id: unknown = Array.isArray(x) ? (x as unknown[])[0] : x;
  return typeof id === "number" ? id : undefined;
};

export function completed(
  config: ModelConfig,
  tokenizer: unknown,
  o: { readonly reward: boolean },
): ModelConfig {
  const tokens = tokensOf(tokenizer);
  const found = (kind: keyof typeof names) =>
    names[kind].map((name) => tokens.get(name)).find((id) => id !== undefined);
  const own = (key: string) => Object.hasOwn(config, key);
  const eos = own("eos_token_id") ? config["eos_token_id"] : (found("eos") ?? null);
  const bos = own("bos_token_id") ? config["bos_token_id"] : (found("bos") ?? null);
  const given = config["pad_token_id"];
  const noPad = given === undefined || (o.reward && (given === null || Number(given) < 0));
  const pad = noPad ? (found("pad") ?? first(eos) ?? null) : given;
  const out: ModelConfig = { ...config, bos_token_id: bos, eos_token_id: eos, pad_token_id: pad };
  if (config.model_type === "gpt2")
    for (const key of ["resid_pdrop", "embd_pdrop", "attn_pdrop", "summary_first_dropout"])
      if (!own(key)) out[key] = 0;
  const name = Object.hasOwn(classes, config.model_type) ? classes[config.model_type] : undefined;
  if (name)
    out["architectures"] = [
      name +
        (o.reward ? "ForSequenceClassification" : name === "GPT2" ? "LMHeadModel" : "ForCausalLM"),
    ];
  if (o.reward) {
    out["id2label"] = { 0: "LABEL_0" }; // one score
    out["label2id"] = { LABEL_0: 0 };
  }
  return out;
}

/** tokenizer_config.json for a folder that has none; nothing where the tokenizer names no tokens. */
export function tokenizerConfig(config: ModelConfig, tokenizer: unknown): Record<string, string> {
  const texts = new Map([...tokensOf(tokenizer)].map(([text, id]) => [id, text] as const));
  if (!texts.size) return {};
  const of = (key: string) => texts.get(first(config[`${key}_token_id`]) ?? -1);
  const json = {
    tokenizer_class: "PreTrainedTokenizerFast",
    bos_token: of("bos"),
    eos_token: of("eos"),
    pad_token: of("pad"),
    model_max_length: config["max_position_embeddings"] ?? config["n_positions"],
    clean_up_tokenization_spaces: false,
  };
  return { "tokenizer_config.json": `${JSON.stringify(json, null, 2)}\n` };
}
