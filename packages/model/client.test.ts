/** The client against a real HTTP endpoint that fails by script: retries, limits, streams, repairs, aborts, accounts. */
import { expect, test } from "vitest";
import { z } from "zod";
import { chat, prompt, system } from "@tiller/schema";
import { ModelsConfig, readModels } from "./config.ts";
import {
  type Answer,
  breaksOff,
  fails,
  rubbish,
  says,
  type Scripted,
  scripted,
  silent,
} from "./fixtures/endpoint.ts";
import { ModelError, openModelClient } from "./client.ts";

const open = (
  at: Scripted,
  more: Record<string, unknown> = {},
  o: { env?: NodeJS.ProcessEnv } = {},
) =>
  openModelClient({
    config: ModelsConfig.parse({
      critic: { kind: "openai", baseURL: at.baseURL, model: "gpt-test", ...more },
    }),
    random: () => 0.001, // the back-off's jitter: a few ms
    ...o,
  });
const question = chat(system`You are short.`, prompt`Say ${"hello"}.`);

test("a call carries messages, options and key, and comes back with usage and its price", async () => {
  await using at = await scripted(says("hello"));
  const client = open(
    at,
    { apiKeyEnv: "CRITIC_KEY", price: { prompt: 1, completion: 10 }, extra: { top_k: 4 } },
    { env: { CRITIC_KEY: "secret" } },
  );
  const reply = await client.call("critic", question, {
    temperature: 0.5,
    maxTokens: 9,
    key: "k1",
  });
  expect(reply).toMatchObject({ text: "hello", value: "hello", model: "scripted", finish: "stop" });
  expect(reply).toMatchObject({ cached: false, repairs: 0, attempts: 1, estimated: false });
  expect(reply.cost).toBeCloseTo((reply.promptTokens + 5 * 10) / 1e6, 12);
  const [asked] = at.asked;
  expect(asked.body).toMatchObject({
    model: "gpt-test",
    messages: [
      { role: "system", content: "You are short." },
      { role: "user", content: "Say hello." },
    ],
    temperature: 0.5,
    max_tokens: 9,
    top_k: 4,
  });
  expect(asked.headers).toMatchObject({
    authorization: "Bearer secret",
    "idempotency-key": expect.stringMatching(/^[0-9a-f]{64}$/),
  });
});

test("completions flatten the messages; log-probs come from both APIs, streamed or not", async () => {
  await using at = await scripted(says("one two"));
  const words = [
    { token: "one", logprob: -0.5 },
    { token: " two", logprob: -0.5 },
  ];
  for (const api of ["chat", "completions"])
    for (const onText of [undefined, () => {}]) {
      const reply = await open(at, { api }).call("critic", question, { logprobs: true, onText });
      expect(reply.logprobs).toEqual(words);
    }
  expect(at.asked.at(-1)!.body.prompt).toBe("You are short.\n\nSay hello.");
});

test("429 and 5xx are tried again, not before Retry-After", async () => {
  await using at = await scripted(
    fails(429, { headers: { "retry-after-ms": "150" } }),
    fails(500),
    fails(503, { headers: { "retry-after": "0.1" } }),
    says("at last"),
  );
  const reply = await open(at).call("critic", question);
  expect(reply).toMatchObject({ text: "at last", attempts: 4 });
  const gaps = at.asked.slice(1).map((a, i) => a.at - at.asked[i].at);
  expect(gaps[0]).toBeGreaterThanOrEqual(145);
  expect(gaps[2]).toBeGreaterThanOrEqual(95);
});

test.each<[string, Answer, Record<string, unknown>, number, RegExp]>([
  ["model_bad_key", fails(401), { apiKeyEnv: "K" }, 1, /Set the variable K to a valid key/],
  ["model_quota", fails(429, { code: "insufficient_quota" }), {}, 1, /Add credit/],
  ["model_unknown_model", fails(404), {}, 1, /Correct model or baseURL of critic/],
  ["model_too_long", fails(400, { code: "context_length_exceeded" }), {}, 1, /Shorten the prompt/],
  ["model_refused", fails(422), {}, 1, /422 scripted/],
  ["model_unavailable", fails(500), { attempts: 3 }, 3, /after 3 attempts: .*500 scripted/],
  ["model_bad_reply", rubbish, { attempts: 2 }, 2, /not JSON/],
  ["model_timeout", silent, { attempts: 2, timeoutSeconds: 0.1 }, 2, /said nothing for 0.1 s/],
  [
    "model_rate_limited",
    fails(429, { headers: { "retry-after": "3600" } }),
    {},
    1,
    /asked again in 3600 s. Lower requestsPerMinute/,
  ],
  ["model_unavailable", fails(500, { headers: { "x-should-retry": "false" } }), {}, 1, /500/],
])("%s: how often it is tried, and what to do", async (code, answer, more, times, words) => {
  await using at = await scripted(answer);
  const call = open(at, more, { env: { K: "k" } }).call("critic", question);
  await expect(call).rejects.toMatchObject({
    code,
    message: expect.stringMatching(words),
    used: { attempts: times },
  });
  // one that was given up at once may never have been read
  expect(at.asked.length).toBeLessThanOrEqual(times);
});

test("an endpoint that is not there says so", async () => {
  const at = await scripted(silent);
  await at[Symbol.asyncDispose]();
  await expect(open(at, { attempts: 2 }).call("critic", question)).rejects.toThrow(
    /failed after 2 attempts: 127.0.0.1:\d+: .*ECONNREFUSED.* Check that it runs/,
  );
});

test.each(["destroyed", "ended"] as const)(
  "a stream that is %s in the middle is asked for again, from scratch",
  async (how) => {
    await using at = await scripted(breaksOff(how), says("Once more, whole"));
    const seen: string[] = [];
    const onText = (_: string, text: string) => void seen.push(text);
    const reply = await open(at).call("critic", question, { onText });
    expect(reply).toMatchObject({ text: "Once more, whole", attempts: 2, estimated: false });
    expect(seen).toEqual(["Once upon", "Once", "Once more,", "Once more, whole"]);
  },
);

test("without usage, tokens are estimated and marked", async () => {
  await using at = await scripted(says("four letter word", { tellUsage: false }));
  const reply = await open(at).call("critic", question);
  expect(reply).toMatchObject({ estimated: true, completionTokens: 4 });
});

const Verdict = z.strictObject({ verdict: z.enum(["good", "bad"]), score: z.number().max(10) });

test("an answer of a shape: the schema goes out, the value comes back", async () => {
  await using at = await scripted(says('{"verdict": "good", "score": 7}'));
  const reply = await open(at).call("critic", question, { output: Verdict });
  expect(reply.value).toEqual({ verdict: "good", score: 7 });
  expect(at.asked[0].body["response_format"]).toMatchObject({
    type: "json_schema",
    json_schema: { strict: true, schema: { required: ["verdict", "score"] } },
  });
});

test("an answer that does not parse is asked for again with what was wrong; all of it is paid", async () => {
  await using at = await scripted(
    says("I think it is good."),
    says('Here:\n```json\n{"verdict": "good", "score": 70}\n```'),
    says("{verdict: 'good', score: 7,}"),
  );
  const client = open(at, { structured: "prompt", price: { prompt: 0, completion: 1e6 } });
  const reply = await client.call("critic", question, { output: Verdict });
  expect(reply).toMatchObject({ value: { verdict: "good", score: 7 }, repairs: 2, attempts: 3 });
  const lengths = [19, 52, 28];
  expect(reply.completionTokens).toBe(lengths[0] + lengths[1] - 2 + lengths[2]);
  expect(reply.cost).toBe(reply.completionTokens);
  const [first, second, third] = at.asked.map((a) => a.body.messages!);
  expect(first.at(-1)!.content).toContain("Say hello.\n\nAnswer with JSON");
  expect(second.slice(-2)[0]).toEqual({ role: "assistant", content: "I think it is good." });
  expect(second.at(-1)!.content).toContain("- there is no JSON in the answer");
  expect(third.at(-1)!.content).toMatch(/- score: Too big/);
});

test("an idempotency key goes with every attempt of a request; a repair has another", async () => {
  await using at = await scripted(fails(500), says("hm"), says('{"verdict": "bad", "score": 1}'));
  await open(at).call("critic", question, { output: Verdict, key: "run/étape 1" });
  const keys = at.asked.map((a) => a.headers["idempotency-key"]);
  expect(keys[0]).toBe(keys[1]);
  expect(keys[2]).not.toBe(keys[1]);
  // the schema went by response_format; the repair says it in words as well
  expect(at.asked[2].body.messages!.at(-1)!.content).toContain('"required":["verdict","score"]');
});

test("an answer that never parses is an error with the text, the issues and what it cost", async () => {
  await using at = await scripted(says("never", { finish: "length" }));
  const client = open(at, { repairs: 1, price: { prompt: 0, completion: 1e6 } });
  const error = await client.call("critic", question, { output: Verdict }).then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(ModelError);
  expect(error).toMatchObject({
    code: "bad_output",
    text: "never",
    used: { cost: 10, attempts: 2 },
  });
  expect((error as Error).message).toMatch(/in 2 turns: .*It said: "never". Raise maxTokens/);
  expect(at.asked[1].body.messages!.at(-1)!.content).toContain("it was cut off");
});

test("values that are no objects come wrapped, bare, or as plain words", async () => {
  await using at = await scripted(says('{"answer": "b"}'), says("b"), says('"b"'), says("[1, 2]"));
  const client = open(at);
  const letter = z.enum(["a", "b"]);
  for (let i = 0; i < 3; i++)
    expect((await client.call("critic", question, { output: letter })).value).toBe("b");
  const numbers = await client.call("critic", question, { output: z.array(z.number()) });
  expect(numbers.value).toEqual([1, 2]);
  expect(at.asked[0].body["response_format"]).toMatchObject({
    json_schema: { schema: { type: "object", required: ["answer"] } },
  });
});

/** Counts how many requests are under way, and lets them go when told. */
function counted() {
  const held: (() => void)[] = [];
  let [now, most] = [0, 0];
  const answer: Answer = async (r, asked) => {
    most = Math.max(most, ++now);
    await new Promise<void>((go) => held.push(go));
    now--;
    await says("ok")(r, asked);
  };
  return { answer, held, most: () => most };
}

test("never more requests at once than the model's concurrency; first come, first served", async () => {
  const { answer, held, most } = counted();
  await using at = await scripted(answer);
  const client = open(at, { concurrency: 3 });
  const calls = Array.from({ length: 10 }, (_, i) => client.call("critic", prompt`${i}`));
  for (let done = 0; done < 10; done++) {
    const running = Math.min(3, 10 - done);
    const expected = { running, waiting: 10 - done - running };
    await expect.poll(() => client.states()[0], { timeout: 20_000 }).toMatchObject(expected);
    await expect.poll(() => held.length, { timeout: 20_000 }).toBe(running);
    held.shift()!();
  }
  await Promise.all(calls);
  expect(most()).toBe(3);
  const order = at.asked.map((a) => Number(a.body.messages![0].content));
  // those sent together may arrive in any order, but nobody overtakes by more than the places
  order.forEach((n, i) => expect(Math.abs(n - i)).toBeLessThan(3));
});

test("an endpoint that takes two at a time is found out: every call comes through", async () => {
  let [now, most] = [0, 0];
  const answer: Answer = async (r, asked) => {
    most = Math.max(most, ++now);
    try {
      if (now > 2) return await fails(429, { headers: { "retry-after-ms": "5" } })(r, asked);
      await new Promise((go) => setTimeout(go, 10));
      await says("ok")(r, asked);
    } finally {
      now--;
    }
  };
  await using at = await scripted(answer);
  const client = open(at, { concurrency: 8, attempts: 20 });
  const replies = await Promise.all(
    Array.from({ length: 40 }, (_, i) => client.call("critic", prompt`${i}`)),
  );
  expect(replies.map((r) => r.text)).toEqual(Array(40).fill("ok"));
  expect(most).toBeLessThanOrEqual(8);
});

test("abort: in the queue, before a reply, within a stream, while backing off", async () => {
  await using at = await scripted(silent);
  const client = open(at, { concurrency: 1 });
  const [first, second] = [new AbortController(), new AbortController()];
  const sent = client.call("critic", question, { signal: first.signal });
  const queued = client.call("critic", question, { signal: second.signal });
  await expect.poll(() => at.asked.length).toBe(1);
  second.abort(new Error("no longer"));
  await expect(queued).rejects.toThrow("no longer");
  first.abort(new Error("enough"));
  await expect(sent).rejects.toThrow("enough");
  await expect.poll(at.gone).toBe(1);
  expect(client.states()[0]).toMatchObject({ running: 0, waiting: 0 });

  at.script = [
    (r) =>
      void r
        .writeHead(200, { "content-type": "text/event-stream" })
        .write(
          `data: ${JSON.stringify({ choices: [{ delta: { content: "a" }, finish_reason: null }] })}\n\n`,
        ),
  ];
  const third = new AbortController();
  const onText = () => third.abort(new Error("read enough"));
  await expect(client.call("critic", question, { signal: third.signal, onText })).rejects.toThrow(
    "read enough",
  );

  at.script = [fails(503, { headers: { "retry-after": "250" } })];
  const fourth = new AbortController();
  const waiting = client.call("critic", question, { signal: fourth.signal });
  await expect.poll(() => at.asked.length).toBe(3);
  fourth.abort(new Error("not waiting"));
  await expect(waiting).rejects.toThrow("not waiting");
  await expect(client.call("critic", question, { signal: fourth.signal })).rejects.toThrow(
    "not waiting",
  );
});

test("a budget stops a call before it is sent", async () => {
  await using at = await scripted(says("no"));
  const client = open(at, { price: { prompt: 0, completion: 1e6 }, repairs: 2 });
  const call = (budget: { tokens?: number; money?: number }) =>
    client.call("critic", question, { budget, maxTokens: 100, output: Verdict });
  await expect(call({ tokens: 50 })).rejects.toMatchObject({ code: "over_budget" });
  await expect(call({ money: 99 })).rejects.toThrow(/could use \$100 of the \$99.0 left/);
  expect(at.asked).toHaveLength(0);
  // the repair would go over it
  const error = await call({ money: 101 }).then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toMatchObject({ code: "over_budget", used: { cost: 2, attempts: 1 } });
  expect(at.asked).toHaveLength(1);
});

test("mistakes in the set-up teach", async () => {
  await using at = await scripted(says("x"));
  const client = open(at, { apiKeyEnv: "CRITIC_KEY", contextTokens: 20 }, { env: {} });
  await expect(client.call("judge", question)).rejects.toThrow(
    "there is no model judge. There are: critic.",
  );
  await expect(client.call("critic", question)).rejects.toThrow(
    "set the environment variable CRITIC_KEY",
  );
  const short = open(at, { contextTokens: 20 });
  await expect(short.call("critic", prompt`${"word ".repeat(100)}`)).rejects.toThrow(
    /exceed the 20 of critic/,
  );
  expect(() => readModels({ home: "/nowhere", file: "/nowhere/m.json", env: {} })).toThrow(
    /there is no .*m.json/,
  );
  expect(readModels({ home: "/nowhere", env: {} })).toEqual({});
});
