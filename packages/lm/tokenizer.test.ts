/** Our tokenizer against Hugging Face's, and there and back on any text. */
import { Tokenizer as HfTokenizer } from "@huggingface/tokenizers";
import fc from "fast-check";
import { expect, test } from "vitest";
import { trainBpe } from "./bpe.ts";
import { book as wholeBook } from "./fixtures/book.ts";
import { loadTokenizerJson } from "./tokenizer.ts";

const book = wholeBook().slice(0, 300_000);
const json = trainBpe(book, { vocabSize: 700 });
const ours = loadTokenizerJson(json);
const theirs = new HfTokenizer(json, {});

// Lone surrogates have no UTF-8 form; everything else must survive.
const unicode = fc.string({ unit: "binary", maxLength: 60 });
const mixed = fc.oneof(
  unicode,
  fc.string({ unit: "grapheme", maxLength: 60 }),
  fc
    .array(
      fc.constantFrom(
        "whale",
        " the",
        "'ll",
        "\n\n",
        "  ",
        "\t",
        "é",
        "鯨",
        "🐋",
        "12",
        "--",
        "\u00a0",
      ),
      { maxLength: 25 },
    )
    .map((xs) => xs.join("")),
);

test("training is deterministic and fills the vocabulary", () => {
  expect(trainBpe(book, { vocabSize: 700 })).toEqual(json);
  expect(ours.vocabSize).toBe(700);
  expect([ours.eos, ours.pad]).toEqual([698, 699]);
  expect(json.model.merges).toHaveLength(700 - 258);
});

test("merges follow the counts: the classic example", () => {
  const merges = trainBpe(
    "low low low low low lowest lowest newer newer newer newer newer newer wider wider wider",
    {
      vocabSize: 262,
    },
  ).model.merges;
  // counted by hand: e-r 9 (newer, wider), w-e 8, l-o and o-w 7

  expect(merges[0]).toEqual(["e", "r"]);
});

test("text comes back unchanged", () => {
  fc.assert(
    fc.property(mixed, (text) => {
      expect(ours.decode(ours.encode(text))).toBe(text);
    }),
  );
});

test("ids are those of @huggingface/tokenizers", () => {
  const same = (text: string): void => {
    expect(ours.encode(text)).toEqual([...theirs.encode(text, { add_special_tokens: false }).ids]);
  };
  same(book.slice(0, 5_000));
  fc.assert(fc.property(mixed, same));
});

test("specials are never made from text and never shown", () => {
  const ids = ours.encode("a<|endoftext|>b");
  expect(ids).not.toContain(ours.eos);
  expect(ours.decode(ids)).toBe("a<|endoftext|>b");
  expect(ours.decode([...ours.encode("a"), ours.eos, ours.pad])).toBe("a");
});

test("a foreign tokenizer is refused with a remedy", () => {
  const unigram = { ...json, model: { ...json.model, type: "Unigram" } };
  expect(() => loadTokenizerJson(unigram)).toThrow(
    /tokenizer\.json cannot be used: .* Take the file from its source/,
  );
});
