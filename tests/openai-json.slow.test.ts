/**
 * response_format over the real routes and the shipped model, which knows no JSON: every whole reply parses and is of the
 * schema, at any seed and temperature, streamed or not, beside other replies; one that its length cut off says so.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { openaiApp } from "./fixtures/openai-app.ts";

let opened: Awaited<ReturnType<typeof openaiApp>>;
let app: (typeof opened)["app"];
beforeAll(async () => {
  opened = await openaiApp();
  app = opened.app;
}, 60_000);
afterAll(() => opened?.[Symbol.asyncDispose]());

const Whale = z.strictObject({
  name: z.string().max(4),
  kind: z.enum(["sperm", "right"]),
  white: z.boolean().optional(),
  length: z.int().min(1).max(40),
  seen: z.array(z.strictObject({ at: z.string().max(3) })).max(1),
});
const schema = z.toJSONSchema(Whale);
const shaped = {
  response_format: { type: "json_schema", json_schema: { name: "whale", strict: true, schema } },
};
const Choice = z.looseObject({
  text: z.string().optional(),
  message: z.looseObject({ content: z.string() }).optional(),
  finish_reason: z.enum(["stop", "length"]),
});
const post = async (api: string, body: object) => {
  const r = await app.request(`/v1/${api}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "base", ...body }),
  });
  return { status: r.status, text: await r.text() };
};
async function choices(api: string, body: object): Promise<[string, "stop" | "length"][]> {
  const { status, text } = await post(api, body);
  expect(status, text).toBe(200);
  const { choices: all } = z.looseObject({ choices: z.array(Choice) }).parse(JSON.parse(text));
  return all.map((c) => [c.text ?? c.message!.content, c.finish_reason]);
}
const ask = { prompt: "Call me", max_tokens: 120 }; // the shipped model has 128 positions

test("every whole reply is of the schema, at any seed and temperature", async () => {
  const kinds = new Set<string>();
  let whole = 0;
  for (const [seed, temperature] of [
    [1, 1],
    [2, 2],
    [3, 0],
    [4, 0.7],
  ]) {
    const all = await choices("completions", { ...ask, ...shaped, n: 4, seed, temperature });
    for (const [text, finish] of all) {
      if (finish === "length") {
        expect(() => JSON.parse(text)).toThrow(SyntaxError);
        continue;
      }
      whole++;
      kinds.add(Whale.parse(JSON.parse(text)).kind);
    }
  }
  expect(whole).toBeGreaterThan(8);
  expect(kinds.size).toBe(2); // the draws are the model's own
}, 120_000);

test("cuts, penalties and biases come together with it", async () => {
  const more = { top_p: 0.5, top_k: 5, min_p: 0.05, repetition_penalty: 1.3, presence_penalty: 1 };
  const all = await choices("completions", { ...ask, ...shaped, ...more, n: 8, seed: 1 });
  const whole = all.filter(([, finish]) => finish === "stop");
  expect(whole.length).toBeGreaterThan(0);
  for (const [text] of whole) Whale.parse(JSON.parse(text));
}, 60_000);

test("without a schema the reply is an object; in a chat, and streamed, as well", async () => {
  const format = { response_format: { type: "json_object" }, temperature: 1.2 };
  const messages = [{ role: "user", content: "A whale as JSON." }];
  let whole = 0;
  for (let seed = 0; seed < 6; seed++) {
    const chat = { messages, max_tokens: 100, seed, ...format };
    const [[text, finish]] = await choices("chat/completions", chat);
    if (finish === "stop") {
      whole++;
      expect(JSON.parse(text!)).toBeTypeOf("object");
    } else expect(() => JSON.parse(text!)).toThrow(SyntaxError);
    const streamed = await post("chat/completions", { ...chat, stream: true });
    const parts = streamed.text
      .split("\n")
      .filter((line) => line.startsWith("data: {"))
      .map((line) => JSON.parse(line.slice(6)) as { choices: { delta: { content?: string } }[] });
    expect(parts.map((p) => p.choices[0]?.delta.content ?? "").join("")).toBe(text);
  }
  expect(whole).toBeGreaterThan(0);
}, 120_000);

test("a reply that its length cut off says length, one that a stop word cut off says stop", async () => {
  const [[cut, length]] = await choices("completions", {
    ...ask,
    ...shaped,
    max_tokens: 5,
    seed: 1,
  });
  expect(length).toBe("length");
  expect(() => JSON.parse(cut!)).toThrow(SyntaxError);
  const stop = { stop: ['"kind"'], seed: 1 };
  const [[stopped, why]] = await choices("completions", { ...ask, ...shaped, ...stop });
  expect(why).toBe("stop");
  expect(stopped).toMatch(/^\s*\{\s*"name"\s*:\s*".*",\s*$/s);
}, 60_000);

test("the same seed alone and beside replies without a shape gives the same reply", async () => {
  const [[alone]] = await choices("completions", { ...ask, ...shaped, seed: 9 });
  const [[[beside]], plain] = await Promise.all([
    choices("completions", { ...ask, ...shaped, seed: 9 }),
    choices("completions", { ...ask, max_tokens: 60, n: 3, seed: 5 }),
  ]);
  expect(beside).toBe(alone);
  expect(plain).toHaveLength(3);
}, 60_000);

test("what cannot be kept to is refused at the door, by its name", async () => {
  const of = (s: object) => ({
    ...ask,
    response_format: { type: "json_schema", json_schema: { name: "x", schema: s } },
  });
  for (const [body, message] of [
    [
      of({ type: "string", pattern: "^a" }),
      /response_format\.json_schema\.schema: is not supported.*\/pattern/,
    ],
    [
      of({ type: "object", properties: { a: { format: "uri", type: "string" } } }),
      /\/properties\/a\/format/,
    ],
    [of({ enum: Array.from({ length: 10_001 }, (_, i) => `v${i}`) }), /more than 10000 parses/],
    [
      { ...ask, response_format: { type: "grammar" } },
      /must be of type text, json_object or json_schema/,
    ],
    [{ ...ask, response_format: { type: "json_schema" } }, /response_format\.json_schema/],
    [{ ...ask, response_format: { type: "json_object", schema: {} } }, /response_format\.schema/],
  ] as const) {
    const { status, text } = await post("completions", body);
    expect([status, text]).toEqual([400, expect.stringMatching(message)]);
  }
  // the opening brace is banned, with and without a space
  const { status, text } = await post("completions", {
    ...ask,
    ...shaped,
    logit_bias: Object.fromEntries(Array.from({ length: 4096 }, (_, id) => [id, -100])),
  });
  expect([status, text]).toEqual([400, expect.stringMatching(/logit_bias bans every token/)]);
}, 60_000);
