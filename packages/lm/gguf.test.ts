/** GGUF against files of the gguf package (golden/make_gguf.py), and every architecture out and in again. */
import { readFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { TillerError } from "@tiller/schema";
import { expect, test } from "vitest";
import { ModelConfig, shapeOf } from "./architectures.ts";
import { trainBpe } from "./bpe.ts";
import { ggmlTypes, quantise } from "./ggml-types.ts";
import { readGguf, writeGguf } from "./gguf-model.ts";
import { decodeGguf, encodeGguf, type GgufWritten } from "./gguf.ts";
import { readSafetensors, type TensorData } from "./safetensors.ts";
import { sentencePieceJson } from "./sentencepiece.ts";
import { loadTokenizerJson } from "./tokenizer.ts";
import { readWeights } from "./weights.ts";

const golden = path.join(import.meta.dirname, "golden");
const types = readFileSync(path.join(golden, "types.gguf"));

test("every number format is read as the gguf package reads it", async () => {
  const { metadata, tensors } = decodeGguf(types, "types.gguf");
  const wanted = (await readSafetensors(path.join(golden, "types.safetensors"))).tensors;
  expect([...tensors.keys()].sort()).toEqual(Object.keys(ggmlTypes).sort());
  for (const [name, { shape, data }] of tensors) {
    expect(shape, name).toEqual(wanted.get(name)!.shape);
    data.forEach((x, i) => expect(x, `${name}[${i}]`).toBeCloseTo(wanted.get(name)!.data[i], 5));
  }
  expect(Object.fromEntries(metadata)).toMatchObject({
    "test.u32": 4_000_000_000,
    "test.i64": -5,
    "test.f32": Math.fround(0.1),
    "test.bool": true,
    "test.texts": ["ein", "Wal 鯨"],
    "test.floats": [0.5, -1.5],
  });
});

test("a file cut at any byte, or with any byte of its header changed, is damaged or foreign", () => {
  const whole = encodeGguf(
    new Map([["general.architecture", "llama"]]),
    new Map([["x", { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }]]),
  );
  const refused = (bytes: Buffer) => {
    try {
      decodeGguf(bytes, "m.gguf");
    } catch (error) {
      expect((error as { code: string }).code).toMatch(/damaged_checkpoint|unsupported_dtype/);
    }
  };
  const dataEnd = whole.length - 16; // padding after the data may go
  for (let end = 0; end < dataEnd; end++)
    expect(() => decodeGguf(whole.subarray(0, end), "m.gguf")).toThrow(/m\.gguf is no whole GGUF/);
  fc.assert(
    fc.property(fc.nat(whole.length - 33), fc.nat(255), (at, value) => {
      const copy = Buffer.from(whole);
      copy[at] = value;
      refused(copy);
    }),
  );
});

test("Q8_0 errs by at most half a step of the block's scale", () => {
  fc.assert(
    fc.property(
      fc.array(fc.float({ noNaN: true, min: -100, max: 100 }), { minLength: 32, maxLength: 32 }),
      (xs) => {
        const x = Float32Array.from(xs);
        const bytes = quantise(ggmlTypes.Q8_0, x);
        const back = new Float32Array(32);
        ggmlTypes.Q8_0.read(new DataView(bytes.buffer), 0, back, 0);
        const step = Math.max(...xs.map(Math.abs)) / 127;
        back.forEach((y, i) => expect(Math.abs(y - x[i])).toBeLessThanOrEqual(0.57 * step + 1e-5)); // f16 scale
      },
    ),
  );
});

// forty tokens, as the golden models have: letters and a merge or two, in either manner
const letters = Array.from("abcdefghijklmnopqrstuvwxyz0123456789", (text) => text);
const merged = [...letters, "ab", "abc"];
const byteLevel = {
  ...trainBpe("", { vocabSize: 258 }),
  added_tokens: [],
  model: {
    ...trainBpe("", { vocabSize: 258 }).model,
    vocab: Object.fromEntries(merged.map((token, id) => [token, id])),
    merges: [
      ["a", "b"],
      ["ab", "c"],
    ],
  },
};

const load = async (name: string) => {
  const dir = path.join(golden, name);
  const config = ModelConfig.parse(JSON.parse(readFileSync(path.join(dir, "config.json"), "utf8")));
  return { config, tensors: (await readWeights(dir, shapeOf(config))).tensors };
};

test.each(["gpt2", "pythia", "neox-sequential", "llama2", "qwen2", "qwen3"])(
  "%s goes out and comes in with the same shape and weights",
  async (name) => {
    const { config, tensors } = await load(name);
    const bytes = writeGguf({ config, tensors, tokenizer: byteLevel }, { name });
    const back = readGguf(bytes, `${name}.gguf`);
    const [a, b] = [shapeOf(config), shapeOf(back.config)];
    const close = (x: number) => Math.round(x * 1e6) / 1e6;
    const rounded = (c: typeof a) => ({
      ...c,
      epsilon: Math.fround(c.epsilon),
      rotary: c.rotary && { ...c.rotary, frequencies: c.rotary.frequencies.map(close) },
    });
    expect(rounded(b)).toEqual(rounded(a));
    expect(back.tensors).toEqual(
      new Map([...tensors].map(([n, t]): [string, TensorData] => [n, t])),
    );
    const json = back.tokenizer as typeof byteLevel;
    expect(json.model.vocab).toMatchObject(byteLevel.model.vocab);
    expect(json.model.merges).toEqual(byteLevel.model.merges);
  },
);

test("a SentencePiece tokenizer cuts the same after the way out and in", async () => {
  const { config, tensors } = await load("llama2");
  const bytes = Array.from(
    { length: 256 },
    (_, b) => `<0x${b.toString(16).toUpperCase().padStart(2, "0")}>`,
  );
  const words = ["\u2581", "t", "h", "e", "he", "th", "\u2581t", "\u2581the"];
  const texts = ["<unk>", "<s>", "</s>", ...bytes, ...words];
  const tokenizer = sentencePieceJson(
    texts.map((text, i) => ({ text, score: -i })),
    { unk: 0, bos: 1, eos: 2 },
  );
  const file = writeGguf({ config, tensors, tokenizer }, { name: "m" });
  const [a, b] = [tokenizer, readGguf(file, "m.gguf").tokenizer].map((t) => loadTokenizerJson(t));
  for (const text of ["the the", "hé the", "tthhee"])
    expect(b.encode(text)).toEqual(a.encode(text));
  expect([b.start, b.eos]).toEqual([a.start, a.eos]);
});

test("what cannot be written or read is said", async () => {
  const mistral = await load("mistral");
  expect(() => writeGguf({ ...mistral, tokenizer: byteLevel }, { name: "m" })).toThrow(
    /a window of 5 tokens cannot be written/,
  );
  const foreign = encodeGguf(new Map([["general.architecture", "mamba"]]), new Map());
  expect(() => readGguf(foreign, "m.gguf")).toThrow(
    /m\.gguf is of architecture mamba; GGUF files of/,
  );
  const empty = encodeGguf(new Map([["general.architecture", "llama"]]), new Map());
  expect(() => readGguf(empty, "m.gguf")).toThrow(/has no number llama\./);
});

/** The same file with other metadata, or tensors beside its own. */
function changed(
  bytes: Uint8Array,
  more: Readonly<Record<string, GgufWritten | undefined>>,
  extra: Readonly<Record<string, number[]>> = {},
): Buffer {
  const f = decodeGguf(bytes, "m.gguf");
  const metadata = new Map<string, GgufWritten>();
  for (const [key, value] of f.metadata)
    metadata.set(
      key,
      typeof value === "number" && !Number.isInteger(value)
        ? { f32: value }
        : (value as GgufWritten),
    );
  for (const [key, value] of Object.entries(more))
    if (value === undefined) metadata.delete(key);
    else metadata.set(key, value);
  const tensors = new Map(f.tensors);
  for (const [name, shape] of Object.entries(extra))
    tensors.set(name, { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(2) });
  return encodeGguf(metadata, tensors);
}
const llama2 = await load("llama2");
const plain = writeGguf({ ...llama2, tokenizer: byteLevel }, { name: "m" });

test.each([
  ["llama.rope.scaling.type", "longrope", /rope\.scaling\.type "longrope"/],
  ["llama.rope.dimension_count", 4, /llama\.rope\.dimension_count 4/],
  ["llama.expert_count", 8, /llama\.expert_count 8/],
  ["llama.attention.sliding_window", 8, /llama\.attention\.sliding_window 8/],
  ["llama.logit_scale", { f32: 0.0625 }, /llama\.logit_scale 0\.0625/],
  ["llama.attention.scale", { f32: 0.5 }, /llama\.attention\.scale 0\.5/],
  ["llama.attention.causal", false, /llama\.attention\.causal false/],
  ["llama.attention.value_length", 4, /value_length 4/],
  ["llama.attention.clamp_kqv", { f32: 8 }, /clamp_kqv 8/],
  ["llama.final_logit_softcapping", { f32: 30 }, /final_logit_softcapping 30/],
  ["llama.key_of_tomorrow", 1, /llama\.key_of_tomorrow 1/],
  ["llama.vocab_size", 41, /llama\.vocab_size 41/],
  ["llama.rope.scaling.attn_factor", { f32: 1.5 }, /attn_factor 1\.5/],
  ["llama.attention.head_count_kv", [2, 1], /head_count_kv \[2,1\]/],
  ["llama.block_count", "two", /block_count is "two", no number/],
  ["llama.block_count", 50_000_000, /num_hidden_layers/],
  ["llama.block_count", undefined, /no number llama\.block_count/],
  ["llama.context_length", undefined, /no number llama\.context_length/],
  ["tokenizer.ggml.eos_token_id", 300_000_000, /eos_token_id is 300000000, the vocabulary has 40/],
  ["general.type", "adapter", /general\.type "adapter"/],
  ["split.count", 3, /one of 3 parts.*--merge/],
  ["general.architecture", "toString", /architecture toString/],
  ["general.architecture", "constructor", /architecture constructor/],
  ["general.architecture", 5, /architecture 5/],
  ["general.architecture", undefined, /architecture none/],
  ["general.alignment", 0, /general\.alignment is 0, no power of two/],
  ["general.alignment", 3, /general\.alignment is 3/],
  ["general.alignment", "abc", /general\.alignment is "abc"/],
  ["general.alignment", 2 ** 31, /begins at byte/],
] as const)("a file whose %s is %o is refused by name", (key, value, message) => {
  const bytes = changed(plain, { [key]: value as GgufWritten | undefined });
  expect(() => readGguf(bytes, "m.gguf")).toThrow(message);
  expect(() => readGguf(bytes, "m.gguf")).toThrow(TillerError);
});

test("keys that ask for nothing, or for what is computed, refuse no file", () => {
  const bytes = changed(plain, {
    "llama.expert_count": 0,
    "llama.logit_scale": { f32: 0 },
    "llama.attention.scale": { f32: 1 / Math.sqrt(8) },
    "llama.attention.sliding_window": 32,
    "llama.attention.head_count_kv": [2, 2],
    "llama.rope.scaling.type": "none",
    "llama.tensor_data_layout": "Meta AI original pth",
    "general.license": "mit",
  });
  expect(readGguf(bytes, "m.gguf").tensors).toEqual(llama2.tensors);
});

test("tensors of another model, twice, or over one another are refused", () => {
  expect(() => readGguf(changed(plain, {}, { "blk.0.attn_q_norm.weight": [8] }), "m.gguf")).toThrow(
    /tensor blk\.0\.attn_q_norm\.weight, which llama is not computed with/,
  );
  const two = encodeGguf(
    new Map(),
    new Map(["a", "b"].map((n) => [n, { shape: [8], data: new Float32Array(8) }])),
  );
  const name = two.indexOf("b", 60);
  const twice = Buffer.from(two);
  twice[name] = 97;
  expect(() => decodeGguf(twice, "m.gguf")).toThrow(/two tensors a/);
  const over = Buffer.from(two);
  over.writeBigUInt64LE(0n, name + 1 + 4 + 8 + 4);
  expect(() => decodeGguf(over, "m.gguf")).toThrow(/tensors a and b overlap/);
  over.writeBigUInt64LE(1n, name + 1 + 4 + 8 + 4);
  expect(() => decodeGguf(over, "m.gguf")).toThrow(/damaged|no whole/);
});

test("sizes that no file has are refused before they are made", () => {
  const head = (...parts: (string | bigint | number)[]) =>
    Buffer.concat(
      parts.map((p) => {
        if (typeof p === "string") return Buffer.from(p);
        const b = Buffer.alloc(typeof p === "bigint" ? 8 : 4);
        if (typeof p === "bigint") b.writeBigUInt64LE(p);
        else b.writeUInt32LE(p);
        return b;
      }),
    );
  const key = [1n, "x"] as const;
  for (const bytes of [
    head("GGUF", 3, 2n ** 60n, 0n, "  ".repeat(8)),
    head("GGUF", 3, 0n, 2n ** 62n, "  ".repeat(8)),
    head("GGUF", 3, 0n, 1_000_000n),
    head("GGUF", 3, 0n, 1n, 2n ** 40n, "x".repeat(16)),
    head("GGUF", 3, 0n, 1n, ...key, 9, 0, 300_000_000n, "x".repeat(200_000)),
    head("GGUF", 3, 0n, 1n, ...key, 9, 9, 1n, 9, 1n, 0, 0n),
    head("GGUF", 3, 0n, 1n, ...key, 99, 0n),
    head("GGUF", 3, 1n, 0n, ...key, 4, 32768n, 32768n, 32768n, 32768n, 0, 0n),
    head("GGUF", 3, 1n, 0n, ...key, 1, 8n, 0, 2n ** 63n),
    head("GGUF", 99, 0n, 0n, 0n),
  ])
    expect(() => decodeGguf(bytes, "m.gguf")).toThrow(/m\.gguf is no whole GGUF/);
});

const waves = (config: ModelConfig) => shapeOf(config).rotary!.frequencies;
const yarn = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 16 };
test.each([
  ["linear", { rope_type: "linear", factor: 4 }],
  ["yarn", yarn],
  ["yarn", { ...yarn, attention_factor: 1.25 }],
  [
    "llama3",
    {
      rope_type: "llama3",
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 16,
    },
  ],
  [
    "llama3",
    {
      rope_type: "llama3",
      factor: 32,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 8192,
    },
  ],
  [
    "longrope",
    {
      rope_type: "llama3",
      factor: 3,
      low_freq_factor: 2,
      high_freq_factor: 9,
      original_max_position_embeddings: 1000,
    },
  ],
])("rotary positions go out and come in the same (%s)", (type, rope) => {
  for (const theta of [10_000, 500_000]) {
    const config = {
      ...llama2.config,
      rope_parameters: null,
      rope_theta: theta,
      rope_scaling: rope,
    };
    const bytes = writeGguf({ ...llama2, config, tokenizer: byteLevel }, { name: "m" });
    const back = readGguf(bytes, "m.gguf").config;
    waves(back).forEach((f, i) => expect(f / waves(config)[i]!).toBeCloseTo(1, 5));
    const amplitude = (c: ModelConfig) => shapeOf(c).rotary!.amplitude;
    expect(amplitude(back)).toBeCloseTo(amplitude(config), 6);
    expect([type, "llama3"]).toContain((back["rope_scaling"] as { rope_type: string }).rope_type);
  }
});

test("what llama.cpp would compute in another way is not written", () => {
  const refused = (config: object) => () =>
    writeGguf(
      { ...llama2, config: { ...llama2.config, ...config }, tokenizer: byteLevel },
      { name: "m" },
    );
  expect(refused({ hidden_act: "relu" })).toThrow(/llama with relu/);
  const scaled = (model_type: string, rope_scaling: object) =>
    refused({ model_type, rope_parameters: null, rope_scaling });
  expect(scaled("llama", { ...yarn, beta_fast: 8 })).toThrow(/betas of its own/);
  expect(scaled("llama", { ...yarn, truncate: false })).toThrow(/betas of its own/);
  const tables = { short_factor: [1, 1, 1, 1], long_factor: [2, 2, 2, 2] };
  expect(scaled("llama", { rope_type: "longrope", ...tables })).toThrow(/LongRoPE with two tables/);
  const windows = { use_sliding_window: true, sliding_window: 5, max_window_layers: 1 };
  expect(refused({ model_type: "qwen2", ...windows })).toThrow(/window of 5 tokens .* for qwen2/);
});
