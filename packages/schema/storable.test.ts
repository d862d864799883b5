/** What Postgres cannot keep is found wherever it stands, and nothing else is. */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  findUnstorable,
  maybeUnstorable,
  requireStorable,
  storableText,
  unstorableText,
} from "./storable.ts";

test.each([
  ["a\0b", 'has a NUL character after "a", which the database does not keep. Take it out'],
  ["\0", "has a NUL character at its start"],
  ["\ud800", "has half of a Unicode surrogate pair at its start"],
  ["😀 and \ude00", 'has half of a Unicode surrogate pair after "😀 and "'],
  ["\udc00\ud800", "has half of a Unicode surrogate pair at its start"],
  ["\ud83d\0", "has half of a Unicode surrogate pair at its start"],
  ["\0\ud83d", "has a NUL character at its start"],
  ["😀".repeat(30) + "\ud83d", `after "${"😀".repeat(8)}"`],
])("%j is refused with its place", (text, what) => {
  expect(unstorableText(text)).toContain(what);
});

test.each([
  "",
  "😀",
  "\ud83d\ude00",
  "\u0001\u001f\u007f",
  "\ufffd\uffff",
  "\\u0000",
  "\u202e",
  "نص",
])("%j can be kept", (text) => {
  expect(unstorableText(text)).toBeUndefined();
  expect(findUnstorable({ [text]: [text] })).toBeUndefined();
});

test("the path leads to the text, keys included, in the order of the text", () => {
  const bad = { a: 1, list: [{ fine: "x" }, { words: "cut \ud83d" }], later: "\0" };
  expect(findUnstorable(bad, "body")?.at).toBe("body.list.1.words");
  expect(findUnstorable({ in: { "k\0": 1 } }, "body")?.at).toBe("a key in body.in");
  expect(findUnstorable("\0")?.at).toBe("the text");
  expect(() => requireStorable(bad, "input")).toThrow(/^input\.list\.1\.words has half .*out\.$/);
});

test("a value of any depth is walked", () => {
  let deep: unknown = "\0";
  for (let i = 0; i < 100_000; i++) deep = i % 1000 ? [deep] : { k: deep };
  expect(findUnstorable(deep)).toBeDefined();
});

test("what is found in a value is suspected in its JSON", () => {
  const unit = fc.oneof(fc.constantFrom("\0", "\ud83d", "\ude00", "\\", "u0000"), fc.string());
  fc.assert(
    fc.property(
      fc.array(unit).map((u) => u.join("")),
      (text) => {
        const found = findUnstorable([text]) !== undefined;
        expect(found).toBe(text.includes("\0") || !text.isWellFormed());
        if (found) expect(maybeUnstorable(JSON.stringify([text]))).toBe(true);
      },
    ),
  );
});

test("what a model drew can be stored, and is as it was where it could be before", () => {
  const unit = fc.oneof(fc.constantFrom("\0", "\ud83d", "\ude00", "\ufffd"), fc.string());
  fc.assert(
    fc.property(
      fc.array(unit).map((u) => u.join("")),
      (text) => {
        const kept = storableText(text);
        expect(unstorableText(kept)).toBeUndefined();
        expect(kept).toHaveLength(text.length);
        if (unstorableText(text) === undefined) expect(kept).toBe(text);
      },
    ),
  );
});
