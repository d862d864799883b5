/** GGUF against files of the gguf package (golden/make_gguf.py), and every architecture out and in again. */
import { readFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { ModelConfig, shapeOf } from "./architectures.ts";
import { trainBpe } from "./bpe.ts";
import { ggmlTypes, quantise } from "./ggml-types.ts";
import { readGguf, writeGguf } from "./gguf-model.ts";
import { decodeGguf, encodeGguf } from "./gguf.ts";
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
