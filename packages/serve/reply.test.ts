/** A reply told in parts is the reply told whole: any bytes cut into any tokens, any stop words. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { promptTokens, Reply } from "./reply.ts";
import type { ReplyToken } from "./sampler-messages.ts";

const END = -1;
/** Token i stands for these bytes. */
function told(tokens: readonly Uint8Array[], o: { stop?: readonly string[]; ended?: boolean }) {
  const ids = [...tokens.keys(), ...(o.ended ? [END] : [])];
  const bytes = (id: number) => tokens[id] ?? new Uint8Array();
  const reply = new Reply(
    { bytes },
    { ends: new Set([END]), stop: o.stop ?? [], maxTokens: ids.length },
  );
  const out: ReplyToken[] = [];
  let finish: string | undefined;
  for (const id of ids) {
    const part = reply.add({ id, logprob: -id });
    out.push(...part.tokens);
    finish = part.finish;
    if (finish) break;
  }
  return { tokens: out, text: out.map((t) => t.text).join(""), finish };
}
const decoded = (tokens: readonly Uint8Array[]) =>
  new TextDecoder("utf-8", { ignoreBOM: true }).decode(Buffer.concat(tokens));
const pieces = fc.array(
  fc.oneof(
    fc
      .constantFrom("a", "b", "ab", "", " ", "\ufeff", "\u00e9", "\u{1f642}")
      .map((s) => Buffer.from(s)),
    fc.uint8Array({ minLength: 1, maxLength: 3 }),
  ),
  { minLength: 1, maxLength: 12 },
);

test("all bytes come out, each token's in its place", () => {
  fc.assert(
    fc.property(pieces, fc.boolean(), (tokens, ended) => {
      const reply = told(tokens, { ended });
      expect(reply.text).toBe(decoded(tokens));
      expect(reply.finish).toBe(ended ? "stop" : "length");
      expect(reply.tokens.map((t) => t.id)).toEqual([...tokens.keys(), ...(ended ? [END] : [])]);
      expect(Buffer.concat(reply.tokens.map((t) => Buffer.from(t.bytes)))).toEqual(
        Buffer.concat(tokens),
      );
    }),
    { numRuns: 500 },
  );
});

test("a stop word ends it where it first begins, and nothing of it is told", () => {
  const stops = fc.array(fc.constantFrom("a", "ab", "ba", "aba", "\u00e9", "b\u00e9", "  "), {
    minLength: 1,
    maxLength: 3,
  });
  fc.assert(
    fc.property(pieces, stops, (tokens, stop) => {
      const reply = told(tokens, { stop });
      // the first token at which some stop word is whole decides
      const whole = tokens.map((_, i) => {
        const last = i + 1 === tokens.length;
        return new TextDecoder("utf-8", { ignoreBOM: true }).decode(
          Buffer.concat(tokens.slice(0, i + 1)),
          { stream: !last },
        );
      });
      const at = whole.findIndex((t) => stop.some((s) => t.includes(s)));
      if (at < 0) {
        expect(reply.text).toBe(decoded(tokens));
        return;
      }
      const places = stop.map((s) => whole[at]!.indexOf(s)).filter((i) => i >= 0);
      expect(reply.finish).toBe("stop");
      expect(reply.text).toBe(whole[at]!.slice(0, Math.min(...places)));
      expect(reply.tokens).toHaveLength(at + 1);
      if (!reply.text.includes("\ufffd"))
        expect(Buffer.concat(reply.tokens.map((t) => Buffer.from(t.bytes))).toString()).toBe(
          reply.text,
        );
    }),
    // a byte of no character behind the stop word: found at random, kept
    { numRuns: 1000, examples: [[[Uint8Array.from([0, 97, 128]), Buffer.from("a")], ["a"]]] },
  );
});

test("a prompt's tokens join to the prompt, without SentencePiece's own space", () => {
  const words = [" Call", " me", "!"].map((s) => Buffer.from(s));
  const v = { bytes: (id: number) => words[id]! };
  const all = words.map((_, id) => ({ id }));
  const texts = (text: string | undefined) => promptTokens(v, all, text).map((t) => t.text);
  expect(texts("Call me!")).toEqual(["Call", " me", "!"]);
  expect(texts(" Call me!")).toEqual([" Call", " me", "!"]);
  expect(texts(undefined)).toEqual([" Call", " me", "!"]);
});
