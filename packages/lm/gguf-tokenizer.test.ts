/** What tokens are for stands in GGUF's metadata both ways: control, defined by users, beginnings, spaces. */
import { expect, test } from "vitest";
import { addedToken, trainBpe } from "./bpe.ts";
import type { ModelConfig } from "./architectures.ts";
import type { GgufValue } from "./gguf.ts";
import { ggufTokenizer, tokenizerMetadata } from "./gguf-tokenizer.ts";
import { beginsWith, sentencePieceJson } from "./sentencepiece.ts";
import { loadTokenizerJson, type Tokenizer } from "./tokenizer.ts";

const config = { model_type: "llama" } as unknown as ModelConfig;
const read = (metadata: ReadonlyMap<string, unknown>) =>
  loadTokenizerJson(
    ggufTokenizer(
      new Map([...metadata].map(([k, v]) => [k, plain(v)] as [string, GgufValue])),
      "m.gguf",
    ),
  );
/** Written values are marked with their type; read ones are not. */
const plain = (v: unknown): GgufValue =>
  (typeof v === "object" && v !== null && "f32" in v ? v.f32 : v) as GgufValue;
const json = trainBpe("low lower lowest new newer newest ".repeat(20), { vocabSize: 290 });
const [{ id: eos }] = json.added_tokens;
const size = eos + 2; // <|endoftext|> and <|pad|> stand last
const bytes = Array.from(
  { length: 256 },
  (_, b) => `<0x${b.toString(16).toUpperCase().padStart(2, "0")}>`,
);
const texts = ["a <think> b", "<|endoftext|>low", "lower  newest", "[control] [user]", " the"];
const same = (a: Tokenizer, b: Tokenizer) => {
  for (const text of texts)
    for (const specials of [false, true])
      expect(b.encode(text, { specials })).toEqual(a.encode(text, { specials }));
  expect([b.start, new Set(b.control)]).toEqual([a.start, new Set(a.control)]);
};

test.each([[true], [false]])("byte-level BPE, a beginning %s", (begins) => {
  const tokenizer = {
    ...json,
    added_tokens: [...json.added_tokens, addedToken(size, "<think>", false)],
    post_processor: begins ? beginsWith("<|endoftext|>", eos) : json.post_processor,
  };
  const metadata = tokenizerMetadata(tokenizer, config, size + 9);
  const types = metadata.get("tokenizer.ggml.token_type") as number[];
  expect([types[0], types[eos], types[size], types[size + 8]]).toEqual([1, 3, 4, 1]);
  expect(metadata.get("tokenizer.ggml.add_bos_token")).toBe(begins);
  same(loadTokenizerJson(tokenizer), read(metadata));
});

test.each([
  [true, true],
  [true, false],
  [false, true],
  [false, false],
])("SentencePiece, a beginning %s, a space before %s", (addBos, addSpace) => {
  const words = ["\u2581", "t", "h", "e", "he", "th", "\u2581t", "\u2581the"];
  const pieces = ["<unk>", "<s>", "</s>", ...bytes, ...words].map((text, i) => ({
    text,
    score: -i,
  }));
  const tokenizer = sentencePieceJson(
    [
      ...pieces,
      { text: "[control]", score: 0, type: "control" },
      { text: "[user]", score: 0, type: "user" },
    ],
    { unk: 0, bos: 1, eos: 2 },
    { addBos, addSpace },
  );
  const t = loadTokenizerJson(tokenizer);
  const [control, user] = [pieces.length, pieces.length + 1];
  expect(t.encode("[control]", { specials: true })).toContain(control);
  expect(t.encode("[control]")).not.toContain(control);
  expect(t.encode("[user]")).toContain(user);
  expect(t.decode(t.encode("the [user] the"))).toBe(
    "the [user] the".replace("] ", addSpace ? "]  " : "] "),
  );
  const metadata = tokenizerMetadata(tokenizer, config, pieces.length + 2);
  const types = metadata.get("tokenizer.ggml.token_type") as number[];
  expect([types[0], types[1], types[3], types[control], types[user]]).toEqual([2, 3, 6, 3, 4]);
  expect(metadata.get("tokenizer.ggml.add_space_prefix")).toBe(addSpace);
  same(t, read(metadata));
});

test("ids outside are an error with a remedy", () => {
  const far = { ...json, added_tokens: [...json.added_tokens, addedToken(3e8, "<x>", true)] };
  expect(() => tokenizerMetadata(far, config, size)).toThrow(/<x> with the id 300000000, ids are/);
  const metadata = tokenizerMetadata(json, config, size);
  const bos = new Map([
    ...metadata,
    ["tokenizer.ggml.bos_token_id", 3e8],
    ["tokenizer.ggml.add_bos_token", true],
  ] as [string, unknown][]);
  expect(() => read(bos)).toThrow(/begins with token 300000000, there are \d+/);
  const pieces = ["<unk>", "<s>", "</s>"].map((text) => ({ text, score: 0 }));
  expect(() => sentencePieceJson(pieces, { unk: 0, bos: 3e8, eos: 2 })).toThrow(
    /bos is token 300000000, it has 3/,
  );
  const long = [...pieces, { text: "a".repeat(100_000), score: 0 }];
  expect(() => sentencePieceJson(long, { unk: 0, bos: 1, eos: 2 })).toThrow(
    /a token of 100000 characters/,
  );
});
