/**
 * Answers of a shape: the JSON Schema that an endpoint is told, the value found in what comes back (whole, in a code
 * fence, or with prose around it; small faults of syntax mended by jsonrepair), and the words that ask for a repair.
 */
import { jsonrepair } from "jsonrepair";
import { z } from "zod";
import type { Message } from "./endpoint.ts";

type JSONSchema = z.core.JSONSchema.JSONSchema;
type Parsed<T> = { value: T } | { issues: string[] };

export interface Shape<T> {
  /** what the endpoint is told: always an object; other values come as its `answer` */
  readonly schema: JSONSchema;
  /** the value's own schema, for the cache's key and for prompts */
  readonly bare: JSONSchema;
  /** `cutOff`: the text ended by its length, so that what is missing is not to be guessed */
  parse(text: string, o?: { cutOff: boolean }): Promise<Parsed<T>>;
}

export function shapeOf<T>(output: z.ZodType<T>): Shape<T> {
  const { $schema: _, ...made } = z.toJSONSchema(output, { io: "input", unrepresentable: "any" });
  const bare = tighten(made) as JSONSchema;
  const wrapped = bare.type !== "object";
  const schema: JSONSchema = wrapped ? wrap(bare) : bare;
  const said = saidBy(output);
  const check = async (candidate: unknown): Promise<Parsed<T>> => {
    const r = await output.safeParseAsync(candidate);
    if (!r.success) return { issues: issuesOf(r.error) };
    // coerce, catch and prefault make a value of anything: what was said must be of the schema that was told
    const told = said?.safeParse(candidate);
    return told?.success === false ? { issues: issuesOf(told.error) } : { value: r.data };
  };
  const fits = async (candidate: unknown): Promise<Parsed<T>> => {
    if (wrapped && isWrapper(candidate)) {
      const unwrapped = await check(candidate.answer);
      if ("value" in unwrapped) return unwrapped;
    }
    return check(candidate);
  };
  return {
    schema,
    bare,
    parse: async (whole, { cutOff } = { cutOff: false }) => {
      const text = afterThought(whole);
      if (!text.trim()) return { issues: ["the answer is empty"] };
      let first: string[] | undefined;
      for (const candidate of jsonIn(text, { mend: !cutOff })) {
        const r = await fits(candidate);
        if ("value" in r) return r;
        first ??= r.issues;
      }
      // a text of its own may be the answer: a string, one of several words
      const plain = await fits(text.trim());
      if ("value" in plain) return plain;
      return { issues: first ?? ["there is no JSON in the answer"] };
    },
  };
}
const issuesOf = (e: z.core.$ZodError): string[] =>
  e.issues.map((i) => `${i.path.join(".") || "the answer"}: ${i.message}`);

/** An object with the value as its `answer`. A schema that means itself by "#" means its new place. */
function wrap(bare: JSONSchema): JSONSchema {
  const { $defs, ...inner } = bare;
  const closed = (answer: JSONSchema, defs: JSONSchema["$defs"]): JSONSchema => ({
    type: "object",
    properties: { answer },
    required: ["answer"],
    additionalProperties: false,
    ...(defs && { $defs: defs }),
  });
  if (!JSON.stringify(bare).includes('"$ref":"#"')) return closed(inner, $defs);
  const name = ["value", "answer_value"].find((n) => !Object.hasOwn($defs ?? {}, n)) ?? "its_value";
  const ref = `#/$defs/${name}`;
  const moved = JSON.parse(
    JSON.stringify({ ...$defs, [name]: inner }).replaceAll('"$ref":"#"', `"$ref":"${ref}"`),
  ) as NonNullable<JSONSchema["$defs"]>;
  return closed({ $ref: ref }, moved);
}

/** The told schema as a check. What a preprocess takes is its own business; undefined where it cannot be made. */
function saidBy(output: z.ZodType): z.ZodType | undefined {
  const made = z.toJSONSchema(output, {
    io: "input",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      const { def } = zodSchema._zod;
      if (def.type === "pipe" && def.in._zod.def.type === "transform")
        for (const key of Object.keys(jsonSchema)) delete jsonSchema[key as keyof JSONSchema];
      delete jsonSchema.default;
    },
  });
  try {
    return z.fromJSONSchema(made as JSONSchema);
  } catch {
    return undefined; // a word it does not know
  }
}

/** What stands behind the last thought: a model that thinks aloud may think of many answers. */
const afterThought = (text: string): string =>
  text.slice(/^[\s\S]*<\/think>/.exec(text)?.[0].length ?? 0);

const isWrapper = (x: unknown): x is { answer: unknown } =>
  typeof x === "object" && x !== null && "answer" in x && Object.keys(x).length === 1;

/** The JSON values in a text, likeliest first: the whole, code fences, brackets in prose (the last before the first). */
export function* jsonIn(text: string, o: { mend: boolean }): Generator<unknown> {
  const fences = [...text.matchAll(/```[\w-]*[ \t]*\r?\n?([\s\S]*?)```/g)].map((m) => m[1]);
  const parts = [text, ...fences.toReversed(), ...spans(text).toReversed()].map((p) => p.trim());
  const mended = (s: string): unknown => JSON.parse(jsonrepair(s));
  for (const read of o.mend ? [JSON.parse, mended] : [JSON.parse])
    for (const part of new Set(parts)) {
      // mending makes a string of any prose: only what begins like JSON is mended
      if (read === mended && !/^[[{]/.test(part)) continue;
      try {
        yield read(part) as unknown;
      } catch {
        // the next candidate
      }
    }
}

/** Outermost {...} and [...] of a text; an unclosed one runs to the end, and after a few no more are looked at. */
function spans(text: string): string[] {
  const found: string[] = [];
  let unclosed = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] !== "{" && text[at] !== "[") continue;
    const end = closing(text, at);
    const span = text.slice(at, end ?? text.length);
    if (!/^(\{\s*\}|\[\s*\])$/.test(span) || span === text.trim()) found.push(span); // an empty pair in prose says nothing
    if (end === undefined && ++unclosed >= 8) break;
    if (end === undefined) continue; // brackets inside may still be whole
    at = end - 1;
  }
  return found;
}
function closing(text: string, from: number): number | undefined {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const c = text[at];
    if (c === '"') {
      for (at++; at < text.length && text[at] !== '"'; at++) if (text[at] === "\\") at++;
    } else if (c === "{" || c === "[") depth++;
    else if ((c === "}" || c === "]") && --depth === 0) return at + 1;
  }
  return undefined;
}

/** Objects take no other keys than those named: strict endpoints insist on it. */
function tighten(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(tighten);
  if (typeof schema !== "object" || schema === null) return schema;
  const inner = Object.fromEntries(Object.entries(schema).map(([k, v]) => [k, tighten(v)]));
  const closed = inner["type"] === "object" && "properties" in inner;
  return closed ? { additionalProperties: false, ...inner } : inner;
}

const strictWords = new Set(
  `type properties required additionalProperties items enum const anyOf description title $ref $defs
   minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minItems maxItems pattern format`.split(
    /\s+/,
  ),
);
/** Whether OpenAI's strict mode takes it: closed objects, every key required, no word it does not know. */
export function isStrict(schema: unknown): boolean {
  if (typeof schema !== "object" || schema === null) return false;
  const s = schema as JSONSchema;
  const keys = Object.keys(s.properties ?? {});
  const object =
    s.type !== "object" ||
    (s.additionalProperties === false && keys.every((k) => s.required?.includes(k)));
  const below = [
    ...Object.values(s.properties ?? {}),
    ...Object.values(s.$defs ?? {}),
    ...(s.anyOf ?? []),
    ...(s.items ? [s.items].flat() : []),
  ];
  return object && Object.keys(s).every((k) => strictWords.has(k)) && below.every(isStrict);
}

/** For endpoints that take no schema: it stands at the end of the last message. */
export function withInstruction(messages: readonly Message[], schema: JSONSchema): Message[] {
  const words = `Answer with JSON and nothing else: one value that matches this JSON Schema.\n${JSON.stringify(schema)}`;
  return messages.map((m, i) =>
    i === messages.length - 1 ? { ...m, content: `${m.content}\n\n${words}` } : m,
  );
}

/** The turn that asks again; it says the schema, since an endpoint may not have passed it on. */
export const repairTurn = (o: {
  issues: readonly string[];
  cutOff: boolean;
  schema: JSONSchema;
}): string =>
  [
    "Your answer could not be used:",
    ...o.issues.slice(0, 10).map((i) => `- ${i}`),
    ...(o.cutOff ? ["- it was cut off: make it shorter"] : []),
    `Answer again with JSON and nothing else: one value that matches ${JSON.stringify(o.schema)}`,
  ].join("\n");
