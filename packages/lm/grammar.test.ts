/**
 * Replies of a shape: whatever a model's logits are, what is drawn under a schema's grammar parses and validates. The
 * logits are random, over the released model's tokens; zod is the judge.
 */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { type Rng, rng, TillerError } from "@tiller/schema";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { Grammar, TokenBytes, TokenGrammar } from "./grammar.ts";
import { jsonGrammar } from "./json-schema.ts";
import { loadTokenizerJson } from "./tokenizer.ts";

const file = new URL("../../models/base/tokenizer.json", import.meta.url);
const tokenizer = loadTokenizerJson(JSON.parse(readFileSync(file, "utf8")));
const tokens = new TokenBytes(tokenizer);
const { vocabSize: vocab, eos } = tokenizer;

const grammarOf = (schema: unknown) => {
  const { rules, first } = jsonGrammar(schema);
  return new Grammar(rules, first);
};
const takes = (g: Grammar, text: string) =>
  g.afterAll(g.start, new TextEncoder().encode(text))?.accepts === true;

const bytes = (id: number) => tokenizer.bytes(id);
const underOf = (schema: unknown) =>
  new TokenGrammar(grammarOf(schema), tokens, { bytes, ends: new Set([eos]), vocab });

/** Any allowed token for a while, then those that lead to an end. */
function drawn(schema: unknown, r: Rng, wild: number): string {
  const under = underOf(schema);
  let state = under.grammar.start;
  const ids: number[] = [];
  for (let i = 0; i < 4000; i++) {
    const mask = under.mask(state);
    const may = [...mask.keys()].filter((id) => mask[id] === 1);
    const closing = i < wild ? [] : may.filter((id) => /^["}\]]+$/.test(tokenizer.decode([id])));
    const short = i < wild || closing.length ? [] : may.filter((id) => bytes(id).length === 1);
    const from = [closing, short, may].find((x) => x.length)!;
    const id = i >= wild && mask[eos] === 1 ? eos : from[Math.floor(r.next() * from.length)]!;
    state = under.after(state, id);
    if (id === eos) return tokenizer.decode(ids);
    ids.push(id);
  }
  throw new Error(`no end: ${tokenizer.decode(ids).slice(0, 500)}`);
}

const leaf = fc.oneof(
  fc.constantFrom<object[]>(
    { type: "string" },
    { type: "string", minLength: 2, maxLength: 5 },
    { type: "number" },
    { type: "integer" },
    { type: "integer", minimum: 1, maximum: 7 },
    { type: "integer", minimum: 0 },
    { type: "boolean" },
    { type: "null" },
    { type: ["string", "null"], maxLength: 3 },
    { enum: ["yes", 'n"o', 3, null, "日本"] },
    { const: "\n" },
    {},
  ),
);
const { schema } = fc.letrec<{ schema: object }>((tie) => ({
  schema: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    leaf,
    fc.record({
      type: fc.constant("array"),
      items: tie("schema"),
      minItems: fc.nat(2),
      maxItems: fc.integer({ min: 2, max: 4 }),
    }),
    fc.record({
      type: fc.constant("array"),
      prefixItems: fc.array(tie("schema"), { maxLength: 2 }),
      items: fc.constant(false),
    }),
    fc
      .dictionary(fc.constantFrom("a", "b ", 'q"', "é", "a\n"), tie("schema"), {
        noNullPrototype: false,
      })
      .chain((properties) =>
        fc.record({
          type: fc.constant("object"),
          properties: fc.constant(properties),
          required: fc.subarray(Object.keys(properties)),
          additionalProperties: fc.boolean(),
        }),
      ),
    fc.record({ type: fc.constant("object"), additionalProperties: tie("schema") }),
    fc.record({ anyOf: fc.array(tie("schema"), { minLength: 1, maxLength: 3 }) }),
  ),
}));

test("every text of a random schema parses and validates, whatever the draws", () => {
  fc.assert(
    fc.property(schema, fc.nat(2 ** 31), fc.nat(40), (s, seed, wild) => {
      const text = drawn(s, rng(seed, "draw"), wild);
      const value: unknown = JSON.parse(text);
      const judge = z.fromJSONSchema(s as z.core.JSONSchema.JSONSchema);
      expect(judge.safeParse(value).error, `${JSON.stringify(s)}: ${text}`).toBeUndefined();
    }),
    { numRuns: 60 },
  );
});

test("without a schema it is an object of any kind", () => {
  for (let seed = 0; seed < 10; seed++) {
    const value: unknown = JSON.parse(drawn(undefined, rng(seed, "free"), 10 * seed));
    expect(typeof value === "object" && value !== null && !Array.isArray(value)).toBe(true);
  }
  const g = grammarOf(undefined);
  for (const text of ["{}", ' {"a": [1, {"b": null}], "c": -1.5e3}', '{\n  "x": "\\u00e9🐋\\""\n}'])
    expect(takes(g, text), text).toBe(true);
  for (const text of ["[]", "1", "{", '{"a":}', '{"a":1,}', "{} {}", '{"a":01}', '{"a":"\n"}'])
    expect(takes(g, text), text).toBe(false);
  for (const lone of ['"\\ud800"', '"\\ud800x"', '"\\udc00"', '"\\x"'])
    expect(takes(g, `{"a":${lone}}`), lone).toBe(false);
  expect(takes(g, '{"a":"\\ud83d\\udc0b"}')).toBe(true);
  // bytes that are no UTF-8: overlong, a surrogate's, past the last character
  for (const bad of [[0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0x80]]) {
    const bytes = Uint8Array.from([...Buffer.from('{"'), ...bad]);
    expect(g.afterAll(g.start, bytes)).toBeNull();
  }
});

test("zod's schemas, references and recursion", () => {
  const tree = z.lazy(() => z.strictObject({ left: node, name: z.string().max(3).optional() }));
  const node: z.ZodType = z.union([z.null(), tree]);
  const of = z.strictObject({ scores: z.tuple([z.int().min(1).max(5), z.boolean()]), tree });
  const s = z.toJSONSchema(of);
  const g = grammarOf(s);
  const nested = '{"scores": [3, true], "tree": {"left": {"left": null, "name": "abc"}}}';
  expect(takes(g, nested)).toBe(true);
  expect(takes(g, nested.replace("3", "6"))).toBe(false);
  expect(takes(g, nested.replace("abc", "abcd"))).toBe(false);
  for (let seed = 0; seed < 5; seed++) of.parse(JSON.parse(drawn(s, rng(seed, "zod"), 5)));
  const itself = {
    $defs: { a: { anyOf: [{ $ref: "#/$defs/a" }, { type: "null" }] } },
    $ref: "#/$defs/a",
  };
  expect(takes(grammarOf(itself), "null")).toBe(true);
});

test("what ran without an end in other servers has one here", () => {
  // vllm#52011: any value at all, and the model says digits for ever
  const any = grammarOf({});
  expect(takes(any, "9".repeat(15))).toBe(true);
  for (const number of ["9".repeat(16), `0.${"0".repeat(16)}`, "1e100", `-${"1".repeat(16)}`])
    expect(any.afterAll(any.start, Buffer.from(number)), number).toBeNull();
  // vllm#38696, xgrammar#412: white space until the limit
  const object = grammarOf({ properties: { a: { type: "integer" } }, required: ["a"] });
  for (const before of ["{", '{"a"', '{"a":', '{"a": 1'])
    for (const space of ["  ", "\n\n", `\n${" ".repeat(21)}`, "\t", "\r"])
      expect(object.afterAll(object.start, Buffer.from(before + space)), before).toBeNull();
  expect(takes(object, `{\n${" ".repeat(20)}"a": 1\n}`)).toBe(true);
});

test("xgrammar#122: a list of objects by reference, as pydantic writes it", () => {
  const Step = {
    properties: {
      explanation: { title: "Explanation", type: "string" },
      output: { title: "Output", type: "string" },
    },
    required: ["explanation", "output"],
    title: "Step",
    type: "object",
  };
  const g = grammarOf({
    $defs: { Step },
    properties: {
      steps: { items: { $ref: "#/$defs/Step" }, title: "Steps", type: "array" },
      final_answer: { title: "Final Answer", type: "string" },
    },
    required: ["steps", "final_answer"],
    title: "MathReasoning",
    type: "object",
  });
  const step = '{"explanation": "add", "output": "8x"}';
  expect(takes(g, `{"steps": [${step}, ${step}], "final_answer": "x"}`)).toBe(true);
  expect(takes(g, '{"steps": [], "final_answer": ""}')).toBe(true);
  expect(takes(g, '{"steps": [{}], "final_answer": ""}')).toBe(false);
  expect(takes(g, '{"final_answer": ""}')).toBe(false);
});

test("names that every object has are names like others; values are taken as they stand", () => {
  const s: unknown = JSON.parse(
    '{"type":"object","properties":{"__proto__":{"type":"integer"},"constructor":{"type":"null"}},"required":["toString"]}',
  );
  const g = grammarOf(s);
  expect(takes(g, '{"toString": "x"}')).toBe(true);
  expect(takes(g, '{"__proto__": 1, "constructor": null, "toString": []}')).toBe(true);
  expect(takes(g, '{"__proto__": "x", "toString": 1}')).toBe(false);
  expect(takes(g, "{}")).toBe(false);
  expect(takes(grammarOf({ const: { a: [1, "\n"] } }), '{"a":[1,"\\n"]}')).toBe(true);
});

describe("what is not enforced is refused by its name and place", () => {
  test.each([
    [{ type: "string", pattern: "^a" }, /\/pattern "\^a" is not enforced/],
    [{ type: "string", format: "date" }, /\/format "date" is not enforced/],
    [
      { properties: { a: { type: "array", uniqueItems: true } } },
      /\/properties\/a\/uniqueItems true/,
    ],
    [{ oneOf: [{ type: "string" }] }, /\/oneOf/],
    [{ allOf: [] }, /\/allOf/],
    [{ not: {} }, /\/not/],
    [{ type: "object", patternProperties: {} }, /\/patternProperties/],
    [{ type: "integer", minimum: 5 }, /minimum or maximum of integers/],
    [{ type: "number", minimum: 0 }, /minimum or maximum of numbers/],
    [{ type: "integer", minimum: "1" }, /\/minimum is "1", no number/],
    [{ type: "integer", multipleOf: 2 }, /\/multipleOf 2/],
    [{ type: "text" }, /\/type is "text"/],
    [{ type: "constructor" }, /\/type is "constructor"/],
    [{ $ref: "https://example.org/s" }, /no place in the schema/],
    [{ $ref: "#/$defs/none" }, /#\/\$defs\/none is not in the schema/],
    [{ $ref: "#/constructor/name" }, /is not in the schema/],
    [{ enum: [] }, /has no value of the type/],
    [{ enum: ["a"], type: "number" }, /has no value of the type/],
    [{ enum: "a" }, /\/enum is no list/],
    [{ type: "string", maxLength: 1e9 }, /\/maxLength is 1000000000/],
    [{ type: "string", minLength: 3, maxLength: 2 }, /\/maxLength is less than minLength/],
    [{ type: "array", items: [{}] }, /say prefixItems/],
    [{ required: ["a"], additionalProperties: false }, /\/properties\/a is false/],
    [{ key_of_tomorrow: 1 }, /key_of_tomorrow 1 is not enforced/],
    [false, /root is false/],
    ["string", /root is "string"/],
    [
      { prefixItems: Array.from({ length: 12 }, () => ({ type: "string", maxLength: 10_000 })) },
      /size makes more than 100000 rules/,
    ],
  ])("%j", (s, message) => {
    expect(() => jsonGrammar(s)).toThrow(message);
    expect(() => jsonGrammar(s)).toThrow(TillerError);
  });
});

test("a token that ends the text is allowed where the text may end, and nothing else at its end", () => {
  const under = underOf({ enum: [1, 12] });
  const allowed = (text: string) => {
    const at = tokenizer
      .encode(text)
      .reduce((state, id) => under.after(state, id), under.grammar.start);
    const mask = under.mask(at);
    return [...mask.keys()]
      .filter((id) => mask[id])
      .map((id) => (id === eos ? "end" : tokenizer.decode([id])));
  };
  expect(allowed("")).not.toContain("end");
  expect(allowed("")).toContain("1");
  expect(allowed("1").toSorted()).toEqual(["2", "end"]);
  expect(allowed("12")).toEqual(["end"]);
});
