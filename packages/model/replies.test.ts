/**
 * Replies as compatible endpoints are known to give them. What is no answer (a refusal, a filter, a tool call, nothing)
 * is an error and is paid; what is an answer comes through, whatever stands beside it.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import { prompt } from "@tiller/schema";
import { openStore } from "@tiller/store";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { ModelsConfig } from "./config.ts";
import { type Answer, scripted, says, type Scripted } from "./fixtures/endpoint.ts";
import { openModelClient } from "./client.ts";
import { usageOf } from "./reply.ts";
import { shapeOf } from "./structured.ts";

const open = (at: Scripted, more: Record<string, unknown> = {}) =>
  openModelClient({
    config: ModelsConfig.parse({
      m: { kind: "openai", baseURL: at.baseURL, model: "m", attempts: 2, repairs: 0, ...more },
    }),
    random: () => 0.001,
  });
const question = prompt`Is it?`;
const json =
  (body: unknown, type = "application/json"): Answer =>
  (r) =>
    void r.writeHead(200, type ? { "content-type": type } : {}).end(JSON.stringify(body));
const USAGE = { prompt_tokens: 10, completion_tokens: 5 };
const reply = (message: object, o: { finish?: string; usage?: unknown } = {}) => ({
  choices: [{ index: 0, message, finish_reason: o.finish ?? "stop" }],
  usage: "usage" in o ? o.usage : USAGE,
});

test.each<[string, object]>([
  ["model_declined", reply({ content: null, refusal: "I cannot." })],
  ["model_declined", reply({ content: "no" }, { finish: "refusal" })],
  ["model_filtered", reply({ content: "" }, { finish: "content_filter" })],
  ["model_filtered", reply({ content: "half of" }, { finish: "content_filter" })],
  ["model_filtered", reply({ content: "" }, { finish: "SAFETY" })],
  ["model_tool_call", reply({ content: null, tool_calls: [{}] }, { finish: "tool_calls" })],
  ["model_tool_call", reply({ content: "false" }, { finish: "function_call" })],
  ["model_empty", reply({ content: "" })],
  ["model_empty", reply({ content: "", reasoning_content: "hm" }, { finish: "length" })],
])("%s: no answer, whatever was wanted, and paid: %j", async (code, body) => {
  await using at = await scripted(json(body));
  const client = open(at, { price: { prompt: 0, completion: 1e6 } });
  for (const output of [undefined, z.coerce.boolean(), z.string(), z.enum(["a"]).catch("a")]) {
    // asked for a shape, an empty reply is one that does not parse
    const wanted = output && code === "model_empty" ? "bad_output" : code;
    const call = client.call("m", question, output ? { output: output as z.ZodType } : {});
    await expect(call).rejects.toMatchObject({ code: wanted, used: { cost: 5, attempts: 1 } });
  }
});

test("log-probs that an endpoint does not give are an error, never none", async () => {
  for (const logprobs of [undefined, null, {}, { content: null }, { content: [] }]) {
    const body = { ...reply({ content: "yes" }) };
    Object.assign(body.choices[0]!, { logprobs });
    await using at = await scripted(json(body));
    await expect(open(at).call("m", question, { logprobs: true })).rejects.toMatchObject({
      code: "model_no_logprobs",
      message: expect.stringMatching(/without the log-probs asked for.*Ask without logprobs/s),
    });
    expect((await open(at).call("m", question)).logprobs).toBeNull();
  }
});

test("a token in the middle without its log-prob is an error too", async () => {
  for (const [token_logprobs, fine] of [
    [[-0.5, null, -1], false],
    [[-0.5], false],
    [null, false],
    [[null, -0.25, -1], true], // of an echoed prompt
  ] as const) {
    const body = { choices: [{ text: "a b c", finish_reason: "stop" }], usage: null };
    Object.assign(body.choices[0]!, { logprobs: { tokens: ["a", " b", " c"], token_logprobs } });
    await using at = await scripted(json(body));
    const call = open(at, { api: "completions" }).call("m", question, { logprobs: true });
    if (fine) expect((await call).logprobs!.map((x) => x.logprob)).toEqual([-0.25, -1]);
    else await expect(call).rejects.toMatchObject({ code: "model_no_logprobs" });
  }
});

test.each<
  [string, unknown, { promptTokens?: number; completionTokens?: number; estimated: boolean }]
>([
  ["null", null, { estimated: true }],
  ["empty", {}, { estimated: true }],
  ["half", { prompt_tokens: 7, completion_tokens: null }, { promptTokens: 7, estimated: true }],
  [
    "a float",
    { prompt_tokens: 7.5, completion_tokens: 2 },
    { completionTokens: 2, estimated: true },
  ],
  ["a text", { prompt_tokens: "7", completion_tokens: 2 }, { estimated: true }],
  ["negative", { prompt_tokens: -1e6, completion_tokens: -5 }, { estimated: true }],
  ["absurd", { prompt_tokens: 9e15, completion_tokens: 9e15 }, { estimated: true }],
  ["none for a text", { prompt_tokens: 7, completion_tokens: 0 }, { estimated: true }],
  ["a list", [1], { estimated: true }],
  [
    "Anthropic's",
    { input_tokens: 7, output_tokens: 2 },
    { promptTokens: 7, completionTokens: 2, estimated: false },
  ],
])("an answer with odd usage is kept: %s", async (_, usage, expected) => {
  await using at = await scripted(json(reply({ content: "fine" }, { usage })));
  const done = await open(at).call("m", question);
  expect(done).toMatchObject({ text: "fine", attempts: 1, ...expected });
  expect(done.promptTokens).toBeGreaterThan(0);
  expect(done.completionTokens).toBeGreaterThan(0);
});

test("usage is never negative, fractional or beyond what a reply can have, whatever is told", () => {
  fc.assert(
    fc.property(fc.anything(), fc.string(), (told, text) => {
      const u = usageOf(told, [{ role: "user", content: "hi" }], text);
      for (const n of [u.promptTokens, u.completionTokens, u.cachedTokens]) {
        expect(Number.isInteger(n)).toBe(true);
        expect(n).toBeGreaterThanOrEqual(0);
      }
      expect(u.cachedTokens).toBeLessThanOrEqual(u.promptTokens);
    }),
  );
});

test("what the endpoint had kept of the prompt costs its own price", async () => {
  const usage = (cached: object) => ({ prompt_tokens: 1000, completion_tokens: 10, ...cached });
  await using at = await scripted(
    json(
      reply({ content: "a" }, { usage: usage({ prompt_tokens_details: { cached_tokens: 900 } }) }),
    ),
    json(reply({ content: "a" }, { usage: usage({ prompt_cache_hit_tokens: 5000 }) })),
    json(reply({ content: "a" }, { usage: usage({}) })),
  );
  const client = open(at, { price: { prompt: 10, completion: 0, cached: 1 } });
  const costs = [];
  for (let i = 0; i < 3; i++) costs.push((await client.call("m", question)).cost * 1e6);
  expect(costs.map((c) => Math.round(c))).toEqual([100 * 10 + 900, 1000, 1000 * 10]);
});

test.each(["text/plain", ""])("an answer under the content type '%s' is read", async (type) => {
  await using at = await scripted(json(reply({ content: "fine" }), type));
  expect(await open(at).call("m", question)).toMatchObject({ text: "fine", attempts: 1 });
});

test("content in parts is its text; what cannot be stored is marked", async () => {
  const parts = [{ type: "thinking", text: "hm" }, { type: "text", text: "one" }, " two"];
  await using at = await scripted(
    json(reply({ content: parts })),
    json(reply({ content: "a\0b\ud800" })),
    json(reply({ content: "full" }, { finish: "max_tokens" })),
  );
  const client = open(at);
  expect((await client.call("m", question)).text).toBe("one two");
  expect((await client.call("m", question)).text).toBe("a\ufffdb\ufffd");
  expect((await client.call("m", question)).finish).toBe("length");
});

test("an error under status 200, and a redirect, say what they are", async () => {
  await using at = await scripted(
    json({ error: { message: "over there", code: 401 } }),
    (r) => void r.writeHead(307, { location: "http://elsewhere.invalid/v1" }).end(),
  );
  await expect(open(at).call("m", question)).rejects.toMatchObject({ code: "model_bad_key" });
  await expect(open(at).call("m", question)).rejects.toThrow(/redirects \(307\) to http:\/\/else/);
  expect(at.asked).toHaveLength(2);
});

const event = (text: string, finish: string | null) =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: text }, finish_reason: finish }] })}\n\n`;
const stream = { "content-type": "text/event-stream" };

test("a stream that has ended may stay open", async () => {
  const usage = `data: ${JSON.stringify({ choices: [], usage: USAGE })}\n\n`;
  await using at = await scripted((r) => {
    r.writeHead(200, stream).write(event("all of it", "stop") + usage + "data: [DONE]\n\n");
  });
  const done = await open(at, { attempts: 1, timeoutSeconds: 60 }).call("m", question, {
    onText: () => {},
  });
  expect(done).toMatchObject({ text: "all of it", completionTokens: 5, estimated: false });
});

test("a stream that does not end is ended, by its length and by its time", async () => {
  const endless =
    (bit: string, ms: number): Answer =>
    (r) => {
      r.writeHead(200, stream);
      const timer = setInterval(() => r.write(event(bit, null)), ms);
      r.on("close", () => clearInterval(timer));
    };
  await using at = await scripted(endless("word ".repeat(2000), 5), endless("", 20));
  const client = open(at, { replySeconds: 0.5, attempts: 1 });
  const call = (maxTokens: number) => client.call("m", question, { maxTokens, onText: () => {} });
  await expect(call(10)).rejects.toMatchObject({
    code: "model_endless",
    message: expect.stringMatching(/wrote \d+ characters and goes on, where maxTokens is 10/),
  });
  await expect(call(10_000)).rejects.toThrow(/still wrote after 0.5 s/);
  await expect.poll(at.gone).toBe(2);
});

test("nothing is made of what was not said: coerce, catch and prefault see only what fits the schema", async () => {
  const of = async (s: z.ZodType, text: string) => {
    const parsed = await shapeOf(s).parse(text);
    return "value" in parsed ? parsed.value : undefined;
  };
  expect(await of(z.coerce.boolean(), "false")).toBe(false);
  for (const text of ["No, certainly not.", "False.", '"false"', '{"answer": "false"}', "", "0"])
    expect(await of(z.coerce.boolean(), text), text).toBeUndefined();
  for (const text of ["", " ", "[]", "null", "true", '"7"'])
    expect(await of(z.coerce.number(), text), text).toBeUndefined();
  expect(await of(z.enum(["yes", "no"]).catch("yes"), "I cannot say")).toBeUndefined();
  expect(await of(z.object({ a: z.number().default(1) }).prefault({}), "I cannot")).toBeUndefined();
  expect(await of(z.object({ a: z.number().optional() }), "Use {} for nothing.")).toBeUndefined();
  expect(await of(z.object({ a: z.number().optional() }), " {} ")).toEqual({});
  // what an author converts by a preprocess stays converted
  const yes = z.preprocess((x) => x === "yes", z.boolean());
  expect(await of(yes, '{"answer": "yes"}')).toBe(true);
  // a thought is not the answer
  const n = z.strictObject({ n: z.number() });
  expect(await of(n, '<think>{"n": 1}?</think> I do not know')).toBeUndefined();
  expect(await of(n, '<think>{"n": 1}?</think>{"n": 2}')).toEqual({ n: 2 });
});

test("a recursive value that is no object is told so that the answer fits", async () => {
  type Tree = string | Tree[];
  const Tree: z.ZodType<Tree> = z.lazy(() => z.union([z.string(), z.array(Tree)]));
  const shape = shapeOf(Tree);
  // what fits the told schema is read, and comes out unwrapped
  const told = z.fromJSONSchema(shape.schema as z.core.JSONSchema.JSONSchema);
  const answer = { answer: ["a", ["b", []]] };
  expect(told.safeParse(answer).success).toBe(true);
  expect(told.safeParse({ answer: [answer] }).success).toBe(false);
  expect(await shape.parse(JSON.stringify(answer))).toEqual({ value: answer.answer });
});

test(
  "a kept reply that a stricter schema refuses is asked for again, and replaced",
  { timeout: 90_000 },
  async () => {
    const home = mkdtempSync(path.join(tmpdir(), "tiller-replies-"));
    const store = await openStore({ home });
    try {
      await using at = await scripted(says("no"), says("no, and this is why"));
      const config = ModelsConfig.parse({ m: { kind: "openai", baseURL: at.baseURL, model: "m" } });
      const client = openModelClient({ config, db: store.db });
      const ask = (least: number) =>
        client.call("m", question, {
          temperature: 0,
          output: z.string().refine((s) => s.length >= least),
        });
      expect(await ask(1)).toMatchObject({ value: "no", cached: false });
      expect(await ask(1)).toMatchObject({ value: "no", cached: true });
      expect(await ask(3)).toMatchObject({ value: "no, and this is why", cached: false });
      expect(await ask(3)).toMatchObject({ value: "no, and this is why", cached: true });
      expect(at.asked).toHaveLength(2);

      // several draws of one question: another each, and a seed in the models' file moves with them
      at.script = [says("drawn")];
      const before = at.asked.length;
      for (const key of ["run-1", "run-2"])
        for (const sample of [0, 1])
          await client.call("m", question, { temperature: 1, key: `${key}/${sample}`, sample });
      expect(at.asked.slice(before).map((a) => a.body["seed"])).toEqual([
        undefined,
        undefined,
        undefined,
        undefined,
      ]);
      const seeded = openModelClient({
        config: ModelsConfig.parse({
          m: { kind: "openai", baseURL: at.baseURL, model: "m", defaults: { seed: 7 } },
        }),
      });
      await seeded.call("m", question, { sample: 2 });
      expect(at.asked.at(-1)!.body["seed"]).toBe(9);
    } finally {
      await store.close();
      rmSync(home, { recursive: true, force: true });
    }
  },
);
