/** A prompt's limit is of processor time: honest work ends on a busy machine too, and what never ends is ended. */
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import path from "node:path";
import { Worker } from "node:worker_threads";
import { loadTokenizerJson, trainBpe } from "@tiller/lm";
import { afterAll, expect, test } from "vitest";
import { Encoder } from "./encoder.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-encoder-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));
/** A pattern of the file's own: of the cube of the letters, or of two to their number. */
const tokenizerOf = (Regex: string) => {
  const json = trainBpe("whale", { vocabSize: 258 });
  const split = { type: "Split", pattern: { Regex }, behavior: "Isolated", invert: false };
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, use_regex: false };
  return { ...json, pre_tokenizer: { type: "Sequence", pretokenizers: [split, byteLevel] } };
};
const encoderOf = (tokenizerJson: unknown, limitMs: number) =>
  new Encoder({ path: home, tokenizerJson, eos: 256, context: 100_000 }, { limitMs });
const spin = () => new Worker("for (;;);", { eval: true });

test("many times slower by the clock is no slower by the processor", async () => {
  const json = tokenizerOf("a*a*a*b|[^b]");
  const own = loadTokenizerJson(json);
  let [letters, took] = [50, 0];
  while (took < 100) {
    letters = Math.ceil(letters * 1.3);
    const before = process.threadCpuUsage();
    own.encode("a".repeat(letters));
    took = process.threadCpuUsage(before).user / 1000;
  }
  const encoder = encoderOf(json, 2 * took);
  await encoder.encode("warm", 1);
  const others = Array.from({ length: 4 * availableParallelism() }, spin);
  try {
    const began = performance.now();
    const { ids } = await encoder.encode("a".repeat(letters), 2);
    expect(ids).toEqual(own.encode("a".repeat(letters)));
    expect(performance.now() - began).toBeGreaterThan(2 * took); // else this shows nothing
  } finally {
    await Promise.all(others.map((w) => w.terminate()));
    await encoder.close();
  }
});

test("a prompt that never ends is ended, and the next is answered", async () => {
  const encoder = encoderOf(tokenizerOf("(a+)+$"), 300);
  await expect(encoder.encode(`${"a".repeat(60)}!`, 1)).rejects.toMatchObject({
    code: "prompt_failed",
  });
  expect((await encoder.encode("b", 2)).ids).toHaveLength(1);
  await encoder.close();
});
