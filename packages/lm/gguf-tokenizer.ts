/** Tokenizers in GGUF's metadata and as tokenizer.json: byte-level BPE ("gpt2") and SentencePiece ("llama"). */
import { TillerError } from "@tiller/schema";
import { z } from "zod";
import type { ModelConfig } from "./architectures.ts";
import { addedToken, byteLevel } from "./bpe.ts";
import type { GgufValue, GgufWritten } from "./gguf.ts";
import { llama3Split, qwen2Split } from "./patterns.ts";
import { idLimit } from "./bpe-merge.ts";
import { beginsWith, sentencePieceJson } from "./sentencepiece.ts";
import { startOf } from "./tokenizer.ts";

/** How text is cut before the merges, by the name llama.cpp gives it. */
const splits: Readonly<Record<string, { pattern: string | null; nfc?: boolean }>> = {
  "gpt-2": { pattern: null }, // the pattern built into ByteLevel
  default: { pattern: null },
  olmo: { pattern: null }, // GPT-NeoX and Pythia
  "llama-bpe": { pattern: llama3Split },
  qwen2: { pattern: qwen2Split, nfc: true },
};
// llama.cpp's token types
const NORMAL = 1;
const UNKNOWN = 2;
const CONTROL = 3;
const USER_DEFINED = 4;
const BYTE = 6;
/** Tokens that are matched whole; unused ones (5) are not. */
const kinds: ReadonlyMap<number, "control" | "user"> = new Map([
  [UNKNOWN, "control"],
  [CONTROL, "control"],
  [USER_DEFINED, "user"],
]);

const Metadata = z.object({
  model: z.enum(["gpt2", "llama"]),
  pre: z.string().default("default"),
  tokens: z.array(z.string()),
  merges: z.array(z.string()).default([]),
  scores: z.array(z.number()).default([]),
  token_type: z.array(z.number()).default([]),
  bos_token_id: z.number().optional(),
  eos_token_id: z.number().optional(),
  unknown_token_id: z.number().default(0),
  add_bos_token: z.boolean().optional(),
  add_space_prefix: z.boolean().optional(),
});

/** tokenizer.json of a file's metadata. */
export function ggufTokenizer(metadata: ReadonlyMap<string, GgufValue>, file: string): unknown {
  const prefix = "tokenizer.ggml.";
  const parsed = Metadata.safeParse(
    Object.fromEntries(
      [...metadata].flatMap(([k, v]) =>
        k.startsWith(prefix) ? [[k.slice(prefix.length), v]] : [],
      ),
    ),
  );
  if (!parsed.success)
    throw new TillerError(
      "unknown_tokenizer",
      `${file}: its tokenizer (${String(metadata.get(`${prefix}model`) ?? "none")}) cannot be read: ${parsed.error.issues[0]?.message}. Known are gpt2 and llama; take another file of the model.`,
    );
  const t = parsed.data;
  if (t.model === "llama")
    return sentencePieceJson(
      t.tokens.map((text, id) => {
        const type = kinds.get(t.token_type[id] ?? NORMAL);
        return { text, score: t.scores[id] ?? -id, ...(type && { type }) };
      }),
      { unk: t.unknown_token_id, bos: t.bos_token_id ?? 1, eos: t.eos_token_id ?? 2 },
      { addBos: t.add_bos_token ?? true, addSpace: t.add_space_prefix ?? true },
    );
  const cut = Object.hasOwn(splits, t.pre) ? splits[t.pre] : undefined;
  if (!cut)
    throw new TillerError(
      "unknown_tokenizer",
      `${file}: text is cut in the manner of ${t.pre}; known are ${Object.keys(splits).join(", ")}. Import the model's Hugging Face folder instead.`,
    );
  const bos = t.add_bos_token ? t.bos_token_id : undefined;
  if (bos !== undefined && t.tokens[bos] === undefined)
    throw new TillerError(
      "unknown_tokenizer",
      `${file}: a text begins with token ${bos}, there are ${t.tokens.length}. Take the file from its source again.`,
    );
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: t.tokens.flatMap((content, id) => {
      const type = kinds.get(t.token_type[id] ?? NORMAL);
      return type ? [addedToken(id, content, type === "control")] : [];
    }),
    normalizer: cut.nfc ? { type: "NFC" } : null,
    pre_tokenizer: cut.pattern
      ? {
          type: "Sequence",
          pretokenizers: [
            { type: "Split", pattern: { Regex: cut.pattern }, behavior: "Isolated", invert: false },
            byteLevel(false),
          ],
        }
      : byteLevel(true),
    post_processor: bos === undefined ? byteLevel(true) : beginsWith(t.tokens[bos], bos),
    decoder: byteLevel(true),
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: t.pre === "llama-bpe",
      vocab: Object.fromEntries(t.tokens.map((token, id) => [token, id])),
      merges: t.merges.map((pair) => pair.split(" ")),
    },
  };
}
const Json = z.looseObject({
  added_tokens: z.array(
    z.looseObject({ id: z.int(), content: z.string(), special: z.boolean().default(false) }),
  ),
  normalizer: z.unknown(),
  post_processor: z.unknown(),
  pre_tokenizer: z.looseObject({ type: z.string() }).nullish(),
  model: z.looseObject({
    type: z.literal("BPE"),
    vocab: z.record(z.string(), z.int()),
    merges: z.array(z.union([z.string(), z.array(z.string())])),
    byte_fallback: z.boolean().default(false),
  }),
});

/** The tokenizer's metadata for a GGUF file, filled up to `size` tokens. */
export function tokenizerMetadata(
  tokenizer: unknown,
  config: ModelConfig,
  size: number,
): Map<string, GgufWritten> {
  const parsed = Json.safeParse(tokenizer);
  if (!parsed.success)
    throw new TillerError(
      "unknown_tokenizer",
      `this tokenizer.json cannot be written as GGUF (${parsed.error.issues[0]?.message}); BPE can. Export the folder without --gguf.`,
    );
  const json = parsed.data;
  const tokens = Array.from({ length: size }, (_, id) => `<unused${id}>`);
  const types = Array.from({ length: size }, () => NORMAL);
  const name = (id: number, token: string) => {
    if (id < 0 || id >= idLimit)
      throw new TillerError(
        "unknown_tokenizer",
        `this tokenizer.json has the token ${token} with the id ${id}, ids are 0 to ${idLimit - 1}. Take the file from its source again.`,
      );
    for (let unused = tokens.length; unused < id; unused++) {
      tokens.push(`<unused${unused}>`);
      types.push(NORMAL);
    }
    tokens[id] = token;
    types[id] ??= NORMAL;
  };
  for (const [token, id] of Object.entries(json.model.vocab)) name(id, token);
  for (const { id, content, special } of json.added_tokens) {
    name(id, content);
    types[id] = special ? CONTROL : USER_DEFINED;
  }
  const addBos = startOf(json.post_processor, tokens.length).length > 0;
  const merges = json.model.merges.map((m) => (typeof m === "string" ? m : m.join(" ")));
  const special = (key: string, names: readonly string[]) => {
    const given = config[`${key}_token_id`];
    const id = Array.isArray(given) ? (given[0] as unknown) : given;
    if (typeof id === "number") return id;
    return names.map((n) => tokens.indexOf(n)).find((at) => at >= 0);
  };
  const eos = special("eos", ["<|endoftext|>", "</s>"]);
  const bos = special("bos", ["<s>", "<|endoftext|>"]);
  const sentencePiece = json.model.byte_fallback;
  const out = new Map<string, GgufWritten>([
    ["tokenizer.ggml.model", sentencePiece ? "llama" : "gpt2"],
    ["tokenizer.ggml.tokens", tokens],
  ]);
  if (sentencePiece) {
    const prefixed = JSON.stringify([json.normalizer, json.pre_tokenizer]);
    const rank = new Map<string, number>();
    merges.forEach((m, i) => {
      const made = m.replace(" ", "");
      if (!rank.has(made)) rank.set(made, i);
    });
    tokens.forEach((token, id) => {
      if (/^<0x[0-9A-F]{2}>$/.test(token)) types[id] = BYTE;
      if (token === "<unk>") types[id] = UNKNOWN;
    });
    out.set("tokenizer.ggml.scores", { f32: tokens.map((t) => -(rank.get(t) ?? merges.length)) });
    out.set("tokenizer.ggml.add_space_prefix", /"Prepend"|"(always|first)"/.test(prefixed));
  } else {
    out.set("tokenizer.ggml.pre", splitName(json));
    out.set("tokenizer.ggml.merges", merges);
  }
  out.set("tokenizer.ggml.add_bos_token", addBos);
  out.set("tokenizer.ggml.token_type", types);
  if (bos !== undefined) out.set("tokenizer.ggml.bos_token_id", bos);
  if (eos !== undefined) out.set("tokenizer.ggml.eos_token_id", eos);
  return out;
}

function splitName(json: z.infer<typeof Json>): string {
  const text = JSON.stringify(json.pre_tokenizer ?? null);
  if (json.pre_tokenizer?.type === "ByteLevel") return "gpt-2";
  const name = Object.entries(splits).find(
    ([, s]) => s.pattern && text.includes(JSON.stringify(s.pattern)),
  )?.[0];
  if (name) return name;
  throw new TillerError(
    "unknown_tokenizer",
    "this tokenizer cuts text in a way that has no name in GGUF here. Export the folder without --gguf.",
  );
}
