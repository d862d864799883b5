/** Values found in what models write: properties over random values, prose and damage. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import { canonical } from "@tiller/store";
import { contentKey } from "./cache.ts";
import { isStrict, jsonIn, shapeOf, withInstruction } from "./structured.ts";

// prose without brackets, quotes or fences of its own
const prose = fc
  .array(fc.constantFrom("I", "think", "so,", "the answer:", "isn't", "42", "\n", "ok.", "éü"))
  .map((words) => words.join(" "));
const Tree = z.strictObject({
  a: z.string(),
  list: z.array(z.number()),
  n: z.boolean().nullable(),
});
const tree = fc.record({
  a: fc.string({ unit: "grapheme" }).filter((s) => !s.includes("```")),
  list: fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => x + 0)),
  n: fc.option(fc.boolean()),
});
const asWritten = (x: unknown) => JSON.parse(JSON.stringify(x)) as unknown;

test("an object is found whole, fenced, or in prose, however it is indented", async () => {
  const shape = shapeOf(Tree);
  await fc.assert(
    fc.asyncProperty(
      tree,
      prose,
      prose,
      fc.constantFrom("bare", "fenced", "fenced json", "in prose"),
      fc.nat(3),
      async (value, before, after, how, indent) => {
        const json = JSON.stringify(value, undefined, indent);
        const text = {
          bare: `\n${json} `,
          fenced: `${before}\n\`\`\`\n${json}\n\`\`\`\n${after}`,
          "fenced json": `${before}\`\`\`json\n${json}\n\`\`\``,
          "in prose": `${before} ${json} ${after}`,
        }[how];
        expect(await shape.parse(text)).toEqual({ value: asWritten(value) });
      },
    ),
    { numRuns: 300 },
  );
});

test("small faults of syntax are mended: trailing commas, single quotes, bare keys, comments", async () => {
  const shape = shapeOf(Tree);
  for (const text of [
    '{"a": "x", "list": [1, 2,], "n": null,}',
    "{'a': 'x', 'list': [1, 2], 'n': null}",
    "{a: 'x', list: [1, 2], n: None}",
    '```json\n{"a": "x", /* two */ "list": [1, 2], "n": null}\n```',
    'First {sic}, then {"a": "x", "list": [1, 2], "n": null}',
    'My draft {"a": 1} was wrong. {"a": "x", "list": [1, 2], "n": null}',
  ])
    expect(await shape.parse(text), text).toEqual({ value: { a: "x", list: [1, 2], n: null } });
});

test("what does not fit comes back as issues with their places, never as a guess", async () => {
  const shape = shapeOf(Tree);
  expect(await shape.parse('{"a": "x", "list": [1, "two"], "n": null}')).toEqual({
    issues: [expect.stringMatching(/^list\.1: Invalid input: expected number/)],
  });
  expect(await shape.parse("no idea")).toEqual({ issues: ["there is no JSON in the answer"] });
});

test("what was cut off is not completed by guessing", async () => {
  const shape = shapeOf(z.strictObject({ critique: z.string() }));
  const text = '{"critique": "It is no';
  expect(await shape.parse(text)).toEqual({ value: { critique: "It is no" } });
  expect(await shape.parse(text, { cutOff: true })).toHaveProperty("issues");
  const whole = 'So: {"critique": "It is not."} And';
  expect(await shape.parse(whole, { cutOff: true })).toHaveProperty("value");
});

test("any text is read without failing, and quickly", () => {
  fc.assert(
    fc.property(
      fc.string({
        unit: fc.constantFrom("{", "}", "[", "]", '"', "\\", "`", "j", ":", ",", " ", "\n"),
        maxLength: 200,
      }),
      (s) => {
        [...jsonIn(s, { mend: true })].forEach((v) => JSON.stringify(v));
      },
    ),
    { numRuns: 500 },
  );
});

test("a value of any kind survives being told as an object and written back", async () => {
  const kinds = [z.enum(["a", "b"]), z.number(), z.array(z.string()), z.string(), z.boolean()];
  const values = ["a", 3, ["x", "{y}"], "some words", true];
  for (const [i, kind] of kinds.entries()) {
    const shape = shapeOf<unknown>(kind);
    expect(shape.schema.type).toBe("object");
    for (const text of [JSON.stringify({ answer: values[i] }), JSON.stringify(values[i])])
      expect(await shape.parse(text)).toEqual({ value: values[i] });
  }
});

test("strict is said only of schemas that strict endpoints take", () => {
  expect(isStrict(shapeOf(Tree).schema)).toBe(true);
  expect(isStrict(shapeOf(z.object({ a: z.object({ b: z.string() }) })).schema)).toBe(true);
  expect(isStrict(shapeOf(z.object({ a: z.string().optional() })).schema)).toBe(false);
  expect(isStrict(shapeOf(z.record(z.string(), z.number())).schema)).toBe(false);
  expect(isStrict(shapeOf(z.string().min(3)).schema)).toBe(false);
});

test("the instruction stands at the end of the last message and leaves the others alone", () => {
  const messages = [
    { role: "system" as const, content: "s" },
    { role: "user" as const, content: "u" },
  ];
  const [first, last] = withInstruction(messages, { type: "string" });
  expect(first).toEqual(messages[0]);
  expect(last.content).toMatch(/^u\n\nAnswer with JSON[^]*\{"type":"string"\}$/);
});

/** The same value with the keys of its objects in another order. */
const shuffled = (x: unknown, flip: boolean): unknown => {
  if (Array.isArray(x)) return x.map((y) => shuffled(y, flip));
  if (typeof x !== "object" || x === null) return x;
  const entries = Object.entries(x).map(([k, v]) => [k, shuffled(v, !flip)] as const);
  return Object.fromEntries(flip ? entries.toReversed() : entries);
};

test("canonical JSON: the order of keys and what is undefined do not count, everything else does", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (x, y) => {
      expect(canonical(shuffled(x, true))).toBe(canonical(x));
      expect(contentKey({ x, gone: undefined })).toBe(contentKey({ x }));
      expect(JSON.parse(canonical(x))).toEqual(asWritten(x));
      const same = JSON.stringify(shuffled(x, false)) === JSON.stringify(shuffled(y, false));
      if (same) expect(contentKey(x)).toBe(contentKey(y));
      if (canonical(x) !== canonical(y)) expect(contentKey(x)).not.toBe(contentKey(y));
    }),
  );
});
