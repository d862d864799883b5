/** Tokenizers and texts that mean harm or are broken: an error with a remedy or an answer, in bounded time, never a hang. */
import { performance } from "node:perf_hooks";
import fc from "fast-check";
import { expect, test } from "vitest";
import { trainBpe } from "./bpe.ts";
import { mergeAll, pairOf } from "./bpe-merge.ts";
import { loadTokenizerJson } from "./tokenizer.ts";

const json = trainBpe("low lower lowest new newer newest wide wider widest ".repeat(20), {
  vocabSize: 300,
});
const letters = "abcdefghij".repeat(40_000);
const ms = (work: () => void) => {
  const t = performance.now();
  work();
  return performance.now() - t;
};

test("merging takes n log n: 400,000 letters without a space are a matter of a second", () => {
  const t = loadTokenizerJson(json);
  expect(t.decode(t.encode(letters))).toBe(letters);
  const [short, long] = [letters.slice(0, 40_000), letters].map((text) => ms(() => t.encode(text)));
  expect(long).toBeLessThan(60 * short + 500); // the square would be 100 times as long
});

test("the heap merges as the rule says: lowest rank first, leftmost among equals", () => {
  const slow = (given: readonly number[], rank: ReadonlyMap<number, number>, made: Int32Array) => {
    const ids = [...given];
    for (;;) {
      const found = ids
        .slice(1)
        .map((b, i) => ({ i, rank: rank.get(pairOf(ids[i], b)) ?? Infinity }))
        .reduce((best, x) => (x.rank < best.rank ? x : best), { i: -1, rank: Infinity });
      if (found.i < 0) return ids;
      ids.splice(found.i, 2, made[found.rank]);
    }
  };
  const pairs = fc.uniqueArray(fc.tuple(fc.nat(8), fc.nat(8)), { maxLength: 30, selector: String });
  fc.assert(
    fc.property(pairs, fc.array(fc.nat(4), { maxLength: 40 }), (merges, ids) => {
      const rank = new Map(merges.map(([a, b], i) => [pairOf(a, b), i]));
      const made = Int32Array.from(merges, (_, i) => (i * 5 + 3) % 9);
      expect(mergeAll(ids, { rank, made })).toEqual(slow(ids, rank, made));
    }),
  );
});

const change = (over: object, model: object = {}) => ({
  ...json,
  ...over,
  model: { ...json.model, ...model },
});
const added = (over: object) => ({
  added_tokens: [...json.added_tokens, { id: 300, content: "<x>", special: true, ...over }],
});

test.each([
  ["(a+)+$", "a".repeat(50) + "!"],
  ["(\\p{L}|\\p{L})*!", "é".repeat(60)],
  ["(.*)*x", "y".repeat(60)],
])("a pattern that never ends, %s, is stopped", (Regex, text) => {
  const split = { type: "Split", pattern: { Regex }, behavior: "Isolated", invert: false };
  const pre_tokenizer = { type: "Sequence", pretokenizers: [split, json.pre_tokenizer] };
  const t = loadTokenizerJson(change({ pre_tokenizer }), { patienceMs: 100 });
  expect(() => t.encode(text)).toThrow(/takes too long .* was stopped: .*tokenizer\.json/);
  expect(t.decode(t.encode("low, "))).toBe("low, ");
  const normalizer = { type: "Replace", pattern: { Regex }, content: "" };
  expect(() => loadTokenizerJson(change({ normalizer }), { patienceMs: 100 }).encode(text)).toThrow(
    /too long/,
  );
});

test.each<[string, unknown, RegExp]>([
  ["nothing", null, /cannot be used/],
  ["no model", {}, /cannot be used: model/],
  ["a list", [], /cannot be used/],
  ["no vocabulary", change({}, { vocab: undefined }), /vocab: is not an object/],
  ["an empty vocabulary", change({}, { vocab: {}, merges: [] }), /vocabulary is empty/],
  [
    "ids of 3e8",
    change({}, { vocab: { ...json.model.vocab, x: 3e8 } }),
    /"x" has the id 300000000/,
  ],
  ["negative ids", change({}, { vocab: { ...json.model.vocab, x: -1 } }), /"x" has the id -1/],
  ["ids between", change({}, { vocab: { ...json.model.vocab, x: 1.5 } }), /"x" has the id 1.5/],
  ["an id twice", change({}, { vocab: { ...json.model.vocab, x: 7 } }), /have one id, 7/],
  ["a merge of nothing", change({}, { merges: [["q", "zz"]] }), /merge 0 .* not in the vocabulary/],
  ["a merge of one", change({}, { merges: ["q"] }), /merge 0 is .* not two tokens/],
  ["a merge of three", change({}, { merges: [["a", "b", "c"]] }), /not two tokens/],
  ["null for a merge", change({}, { merges: [null] }), /cannot be used/],
  ["random merges", change({}, { dropout: 0.1 }), /dropout: is not 0/],
  ["an added id of 3e8", change(added({ id: 3e8 })), /<x> has the id 300000000/],
  ["an added id of another", change(added({ id: 7 })), /have one id, 7/],
  ["an added token elsewhere", change(added({ content: "low" })), /in the vocabulary it is/],
  [
    "a pattern that is none",
    change({ normalizer: { type: "Replace", pattern: { Regex: "(" }, content: "" } }),
    /cannot be used/,
  ],
  ["an unknown step", change({ normalizer: { type: "Rot13" } }), /cannot be used/],
  [
    "a step named after Object's",
    change({ pre_tokenizer: { type: "constructor" } }),
    /cannot be used/,
  ],
  [
    "a beginning that is none",
    change({
      post_processor: {
        type: "TemplateProcessing",
        single: [{ SpecialToken: { id: "toString" } }],
        special_tokens: {},
      },
    }),
    /cannot be used/,
  ],
  [
    "a beginning outside",
    change({ post_processor: { type: "BertProcessing", sep: ["x", 1], cls: ["y", 5000] } }),
    /begin with token 5000/,
  ],
  ["a unigram of nothing", change({}, { type: "Unigram", vocab: [] }), /vocabulary is empty/],
  [
    "a unigram's unknown outside",
    change({}, { type: "Unigram", vocab: [["</s>", 0]], unk_id: 3 }),
    /unk_id is 3/,
  ],
  [
    "words without end",
    change(
      {},
      {
        type: "WordPiece",
        unk_token: "a",
        continuing_subword_prefix: "",
        max_input_chars_per_word: 1e9,
      },
    ),
    /max_input_chars_per_word/,
  ],
])("%s is an error with a remedy", (_, broken, why) => {
  expect(() => loadTokenizerJson(broken)).toThrow(why);
  expect(() => loadTokenizerJson(broken)).toThrow(/Take the file from its source again/);
});

test("deep nesting is an error, not the end of the process", () => {
  let deep: object = json.pre_tokenizer;
  for (let i = 0; i < 100_000; i++) deep = { type: "Sequence", pretokenizers: [deep] };
  expect(() => loadTokenizerJson(change({ pre_tokenizer: deep }))).toThrow(/cannot be used/);
});

test("tokens named after Object's own are tokens", () => {
  const names = ["constructor", "toString", "__proto__"];
  const vocab = Object.fromEntries([
    ...Object.entries(json.model.vocab),
    ...names.map((name, i) => [name, 300 + i]),
  ]);
  const t = loadTokenizerJson(change({}, { vocab, ignore_merges: true }));
  expect(names.slice(0, 2).map((name) => t.encode(name))).toEqual([[300], [301]]);
  expect(t.decode([301, 302])).toBe("toString__proto__");
});

test("a character without a token is named, not left out", () => {
  const { Q: _, ...vocab } = json.model.vocab;
  expect(() => loadTokenizerJson(change({}, { vocab })).encode("a Q")).toThrow(/no token for "Q"/);
});

test("a vocabulary of long runs and a long text end", () => {
  const quick = { patienceMs: 100 };
  const vocab = Array.from({ length: 3000 }, (_, i) => ["a".repeat(i + 1), -1 / (i + 1)]);
  const model = { type: "Unigram", vocab: [["</s>", 0], ["<unk>", 0], ...vocab], unk_id: 1 };
  const t = loadTokenizerJson({ ...json, added_tokens: [], pre_tokenizer: null, model }, quick);
  const longest = [{ id: 9000, content: "b".repeat(100_000) + "c", special: true }];
  const u = loadTokenizerJson({ ...json, added_tokens: [...json.added_tokens, ...longest] }, quick);
  for (const encode of [() => t.encode("a".repeat(200_000)), () => u.encode("b".repeat(200_000))])
    try {
      encode();
    } catch (e) {
      expect((e as Error).message).toMatch(/takes too long/);
    }
});
