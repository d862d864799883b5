/**
 * No request ends what others share: every field of both APIs with values at its edges, of wrong types and far beyond,
 * in any combination, against the real routes and the shipped model. Each answer is 200, or a 4xx in OpenAI's shape;
 * after it an ordinary request is served.
 */
import fc from "fast-check";
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

const Failure = z.strictObject({
  error: z.strictObject({
    message: z.string().min(10),
    type: z.literal("invalid_request_error"),
    param: z.string().nullable(),
    code: z.string().nullable(),
  }),
});
const Reply = z.looseObject({
  choices: z.array(z.looseObject({ finish_reason: z.enum(["stop", "length"]) })).min(1),
  usage: z.looseObject({
    prompt_tokens: z.int(),
    completion_tokens: z.int(),
    total_tokens: z.int(),
  }),
});
async function post(api: string, body: string): Promise<Response> {
  return app.request(`/v1/${api}`, {
    method: "POST",
    body,
    headers: { "content-type": "application/json" },
  });
}

/** What JSON can hold that programs forget: ends of numbers, names of objects, nothing, everything nested. */
const edges = fc.constantFrom<unknown>(
  null,
  true,
  false,
  "",
  " ",
  "\u0000",
  "\ud800",
  "whale",
  "constructor",
  "__proto__",
  "\ufeff",
  0,
  -0,
  1,
  -1,
  2,
  0.5,
  1.5,
  4095,
  4096,
  2 ** 31,
  -(2 ** 31),
  2 ** 53 - 1,
  -(2 ** 53) + 1,
  2 ** 53,
  1e300,
  -1e300,
  5e-324,
  1e21,
  [],
  {},
  [null],
  [[]],
  [[[1]]],
  [-1],
  [1e9],
  [4095],
  ["a", 1],
  ["", ""],
  Array(5).fill("x"),
  { a: 1 },
  { "0": 100, "1": -100 },
  { "4096": 1 },
  { "-1": 1 },
  { type: "text" },
  { type: "json_object" },
  "a".repeat(3000),
  "\u{1f642}".repeat(200),
  "<|endoftext|>",
);
const fields =
  "model temperature top_p top_k min_p presence_penalty frequency_penalty repetition_penalty logit_bias n seed stop stream stream_options user response_format max_tokens logprobs";
const chatFields =
  "messages max_completion_tokens top_logprobs tools tool_choice functions function_call parallel_tool_calls modalities service_tier audio prediction reasoning_effort verbosity store metadata safety_identifier prompt_cache_key";
const own = {
  completions: `${fields} prompt echo best_of suffix`.split(" "),
  "chat/completions": `${fields} ${chatFields}`.split(" "),
};
/** Right values, so that several fields are honoured together more often than one is refused. */
const right: Record<string, fc.Arbitrary<unknown>> = {
  temperature: fc.double({ min: 0, max: 2, noNaN: true }),
  top_p: fc.double({ min: 0, max: 1, noNaN: true }),
  top_k: fc.integer({ min: -1, max: 5000 }),
  min_p: fc.double({ min: 0, max: 1, noNaN: true }),
  presence_penalty: fc.double({ min: -2, max: 2, noNaN: true }),
  frequency_penalty: fc.double({ min: -2, max: 2, noNaN: true }),
  repetition_penalty: fc.double({ min: 0.01, max: 100, noNaN: true }),
  logit_bias: fc.dictionary(fc.nat(4095).map(String), fc.constantFrom(-100, -3, 0.5, 100), {
    maxKeys: 5,
  }),
  n: fc.integer({ min: 1, max: 3 }),
  seed: fc.maxSafeInteger(),
  stop: fc.array(fc.string({ minLength: 1, maxLength: 2 }), { maxLength: 4 }),
  logprobs: fc.integer({ min: 0, max: 5 }),
  top_logprobs: fc.integer({ min: 0, max: 20 }),
  echo: fc.boolean(),
  stream: fc.boolean(),
  max_tokens: fc.integer({ min: 0, max: 6 }),
  user: fc.string({ maxLength: 20 }),
  response_format: fc.constantFrom(
    { type: "json_object" },
    { type: "json_schema", json_schema: { name: "x", schema: { type: "integer", minimum: 0 } } },
  ),
};
const request = fc.constantFrom("completions", "chat/completions").chain((api) => {
  const names = own[api as keyof typeof own];
  const some = fc
    .subarray(names, { minLength: 1, maxLength: 5 })
    .chain((chosen) =>
      fc.record(
        Object.fromEntries(
          chosen.map((name) => [
            name,
            fc.oneof({ arbitrary: right[name] ?? edges, weight: 3 }, edges),
          ]),
        ),
      ),
    );
  const content =
    api === "completions"
      ? { prompt: "The whale", max_tokens: 2 }
      : { messages: [{ role: "user", content: "Hi" }], max_tokens: 2 };
  return some.map((odd) => ({ api, body: { model: "base", ...content, ...odd } }));
});

test("whatever is asked, the answer is a reply or a refusal in OpenAI's shape, and the next one is served", async () => {
  const outcomes = { taken: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(request, async ({ api, body }) => {
      const reply = await post(api, JSON.stringify(body));
      const text = await reply.text();
      if (reply.status === 200 && reply.headers.get("content-type")!.includes("event-stream")) {
        const events = text.trim().split("\n\n");
        expect(events.at(-1)).toBe("data: [DONE]");
        for (const e of events.slice(0, -1))
          expect(JSON.parse(e.slice("data: ".length))).not.toHaveProperty("error");
      } else if (reply.status === 200) Reply.parse(JSON.parse(text));
      else {
        expect([400, 404]).toContain(reply.status);
        Failure.parse(JSON.parse(text));
      }
      outcomes[reply.status === 200 ? "taken" : "refused"]++;
      const next = await post(
        "completions",
        JSON.stringify({ model: "base", prompt: "The whale", max_tokens: 1, temperature: 0 }),
      );
      expect(next.status).toBe(200);
    }),
    { numRuns: 150 },
  );
  // both sides were tried
  expect(Math.min(outcomes.taken, outcomes.refused)).toBeGreaterThan(20);
}, 240_000);
