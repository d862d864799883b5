/**
 * The client for models against our own server: the base model behind the real HTTP API, the official OpenAI client
 * unmodified, the engine called directly, and the cache of one database under two clients.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { serve, type ServerType } from "@hono/node-server";
import { Hono } from "hono";
import OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { loadCheckpoint, saveCheckpoint } from "@tiller/lm";
import { type ModelClient, ModelsConfig, modelUse, openModelClient } from "@tiller/model";
import { says, scripted } from "@tiller/model/fixtures/endpoint.ts";
import { CheckpointId, prompt } from "@tiller/schema";
import type { Env } from "@tiller/server/context.ts";
import { samplerEngine, SamplerPool } from "@tiller/serve";
import { openaiRoutes } from "@tiller/server/routes/openai.ts";
import { openStore, sql, type Store } from "@tiller/store";
import { saveCheckpointRow } from "@tiller/lab";

const base = fileURLToPath(new URL("../models/base", import.meta.url));
const home = mkdtempSync(path.join(tmpdir(), "tiller-models-"));
const sampler = new SamplerPool();
let store: Store;
let server: ServerType;
let baseURL: string;
let checkpoint: string;
let client: OpenAI;
let modelClient: ModelClient;

beforeAll(async () => {
  store = await openStore({ home });
  checkpoint = (await loadCheckpoint(base)).meta.id;
  await saveCheckpointRow(store.db, {
    id: CheckpointId.parse(checkpoint),
    name: "base",
    role: "lm",
    path: base,
    run: null,
    parent: null,
    metrics: {},
  });
  const app = new Hono<Env>().route("/v1", openaiRoutes({ store, sampler }));
  server = serve({ fetch: app.fetch, port: 0 });
  baseURL = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  client = new OpenAI({ baseURL, apiKey: "any", maxRetries: 0 });
  modelClient = openModelClient({
    config: ModelsConfig.parse({
      own: { kind: "local", checkpoint: "base" },
      far: { kind: "openai", baseURL, model: "base", apiKeyEnv: "OWN_KEY", structured: "prompt" },
      text: { kind: "openai", baseURL, model: "base", apiKeyEnv: "OWN_KEY", api: "completions" },
    }),
    db: store.db,
    engine: samplerEngine({ db: store.db, sampler }),
    env: { OWN_KEY: "any" },
  });
  await client.completions.create({ model: "base", prompt: "The", max_tokens: 1 }); // its process starts
}, 240_000);
afterAll(async () => {
  server?.close();
  sampler[Symbol.dispose]();
  await store?.close();
  rmSync(home, { recursive: true, force: true });
});

test("chat: the unmodified client gets the same words whole and streamed, with usage and log-probs", async () => {
  const ask = {
    model: "base",
    messages: [
      { role: "system" as const, content: "The ship sailed at dawn." },
      { role: "user" as const, content: "What did the captain say?" },
    ],
    max_completion_tokens: 20,
    seed: 7,
    logprobs: true,
  };
  const whole = await client.chat.completions.create(ask);
  expect(whole).toMatchObject({ object: "chat.completion", system_fingerprint: checkpoint });
  const [choice] = whole.choices;
  expect(choice.message.content!.length).toBeGreaterThan(5);
  expect(choice.logprobs!.content!.map((t) => t.token).join("")).toContain(
    choice.message.content!.slice(0, 5),
  );
  expect(choice.logprobs!.content!.length).toBe(whole.usage!.completion_tokens);
  expect(whole.usage!.total_tokens).toBe(
    whole.usage!.prompt_tokens + whole.usage!.completion_tokens,
  );

  let text = "";
  const finishes: (string | null)[] = [];
  let usage: OpenAI.CompletionUsage | null | undefined;
  for await (const chunk of await client.chat.completions.create({
    ...ask,
    stream: true,
    stream_options: { include_usage: true },
  })) {
    text += chunk.choices[0]?.delta.content ?? "";
    finishes.push(...chunk.choices.map((c) => c.finish_reason));
    usage = chunk.usage ?? usage;
  }
  expect(text).toBe(choice.message.content);
  expect(finishes.at(-1)).toBe(choice.finish_reason);
  expect(usage).toEqual(whole.usage);
}, 60_000);

test("a checkpoint with a chat template is asked by it, through the API and by the engine", async () => {
  const dir = path.join(home, "talker");
  await saveCheckpoint(dir, {
    ...(await loadCheckpoint(base)),
    chatFiles: {
      "chat_template.jinja":
        "{% for m in messages %}{{ m.role }} said: {{ m.content }}\n{% endfor %}Then the captain said:",
    },
    meta: { role: "lm" },
  });
  await saveCheckpointRow(store.db, {
    id: CheckpointId.parse("talker-1"),
    name: "talker",
    role: "lm",
    path: dir,
    run: null,
    parent: null,
    metrics: {},
  });
  const rendered = "user said: Where is the whale?\nThen the captain said:";
  const ask = { max_tokens: 12, temperature: 0 };
  const text = (await client.completions.create({ ...ask, model: "base", prompt: rendered }))
    .choices[0].text;
  const chat = await client.chat.completions.create({
    ...ask,
    model: "talker",
    messages: [{ role: "user", content: "Where is the whale?" }],
  });
  expect(chat.choices[0].message.content).toBe(text);
  const own = await modelClient.call("talker", prompt`Where is the whale?`, {
    maxTokens: 12,
    temperature: 0,
  });
  expect(own).toMatchObject({ text, model: "talker-1" });
}, 120_000);

test("what the chat cannot do is refused, and a prompt that does not fit is told", async () => {
  const messages = [{ role: "user" as const, content: "Hello." }];
  await expect(
    client.chat.completions.create({
      model: "base",
      messages,
      tools: [{ type: "function", function: { name: "f" } }],
    }),
  ).rejects.toMatchObject({ status: 400, code: "unsupported_parameter", param: "tools" });
  await expect(client.chat.completions.create({ model: "nobody", messages })).rejects.toThrow(
    "404 The model nobody does not exist. There are: talker, base.",
  );
  await expect(
    client.completions.create({ model: "base", prompt: "whale ".repeat(3000) }),
  ).rejects.toMatchObject({ status: 400, code: "context_length_exceeded" });
}, 60_000);

test("eight samples of one prompt run as one batch, and each is what it would be alone", async () => {
  const ask = { model: "base", prompt: "The whale", max_tokens: 12, temperature: 0.9 };
  const eight = await client.completions.create({ ...ask, n: 8, seed: 100 });
  for (const [i, choice] of eight.choices.entries()) {
    const alone = await client.completions.create({ ...ask, seed: 100 + i });
    expect(choice.text).toBe(alone.choices[0].text);
  }
  expect(new Set(eight.choices.map((c) => c.text)).size).toBeGreaterThan(4);
  expect(eight.usage!.completion_tokens).toBeGreaterThan(8);
}, 60_000);

test("a stop word never shows, also where tokens cut it, and its beginning is not streamed", async () => {
  const ask = { model: "base", prompt: "The whale", max_tokens: 30, seed: 3, temperature: 0.8 };
  const { text } = (await client.completions.create(ask)).choices[0];
  const stop = text.slice(9, 14);
  let streamed = "";
  for await (const chunk of await client.completions.create({ ...ask, stop, stream: true }))
    streamed += chunk.choices[0]!.text;
  expect(streamed).toBe(text.slice(0, text.indexOf(stop)));
}, 60_000);

test("the engine and our own endpoint give one model's words", async () => {
  const ask = { maxTokens: 16, temperature: 0, logprobs: true, cache: false };
  const question = prompt`The captain ${"looked"} at the sea and`;
  const own = await modelClient.call("own", question, ask);
  const text = await modelClient.call("text", question, ask);
  expect(own.text).toBe(text.text);
  expect(own.model).toBe(checkpoint);
  expect([own.promptTokens, own.completionTokens]).toEqual([
    text.promptTokens,
    text.completionTokens,
  ]);
  expect(own.logprobs!.length).toBe(own.completionTokens);
  own.logprobs!.forEach((t, i) => expect(t.logprob).toBeCloseTo(text.logprobs![i].logprob, 3));
  const chat = await modelClient.call("far", question, { maxTokens: 8, temperature: 0 });
  expect(chat.text.length).toBeGreaterThan(3);
  // a registered checkpoint is known by its name, without models.json
  const named = await modelClient.call("base", question, ask);
  expect(named.text).toBe(own.text);
  await expect(modelClient.call("nobody", question)).rejects.toThrow(
    "There are: own, far, text, talker, base.",
  );
}, 60_000);

test("twenty calls of the engine at once share its batches; one is aborted, the others come through", async () => {
  const abort = new AbortController();
  const calls = Array.from({ length: 20 }, (_, i) =>
    modelClient.call("own", prompt`The sea was ${i}`, {
      maxTokens: 24,
      temperature: 1,
      ...(i === 7 && {
        signal: abort.signal,
        onText: () => abort.abort(new Error("enough")),
      }),
    }),
  );
  const outcomes = await Promise.allSettled(calls);
  expect(outcomes.filter((o) => o.status === "rejected")).toHaveLength(1);
  expect(outcomes[7]).toMatchObject({ status: "rejected", reason: { message: "enough" } });
}, 60_000);

test("the same call again is free: in this client, in another on the database, and while under way", async () => {
  await using at = await scripted(says("a thought"));
  const open = () =>
    openModelClient({
      config: ModelsConfig.parse({
        critic: {
          kind: "openai",
          baseURL: at.baseURL,
          model: "m",
          price: { prompt: 0, completion: 1e6 },
        },
      }),
      db: store.db,
    });
  const [one, two] = [open(), open()];
  const ask = (m: ModelClient, o = {}) =>
    m.call("critic", prompt`Think.`, { temperature: 0, ...o });
  expect(await ask(one)).toMatchObject({ cached: false, cost: 9 });
  expect(await ask(one)).toMatchObject({ cached: true, cost: 0, completionTokens: 0 });
  const seen: string[] = [];
  const other = await ask(two, { onText: (t: string) => seen.push(t) });
  expect(other).toMatchObject({ text: "a thought", cached: true });
  expect(seen).toEqual(["a thought"]);
  expect(at.asked).toHaveLength(1);
  const hits = await store.db.value(
    sql`select hits from model_call where model = 'critic'`,
    z.number(),
  );
  expect(hits).toBe(2);

  // five at once: one request
  const five = await Promise.all(Array.from({ length: 5 }, () => ask(one, { maxTokens: 5 })));
  expect(five.filter((r) => !r.cached)).toHaveLength(1);
  expect(at.asked).toHaveLength(2);
  // another word, another request; what is drawn is asked each time, unless it has a key
  await one.call("critic", prompt`Think!`, { temperature: 0 });
  await ask(one, { temperature: 1 });
  await ask(one, { temperature: 1 });
  expect(at.asked).toHaveLength(5);
  await ask(one, { temperature: 1, key: "node/1" });
  await ask(one, { temperature: 1, key: "node/2" });
  expect(await ask(two, { temperature: 1, key: "node/1" })).toMatchObject({ cached: true });
  expect(at.asked).toHaveLength(7);
  await ask(one, { cache: false });
  expect(at.asked).toHaveLength(8);

  const used = (await modelUse(store.db, 7)).find((u) => u.model === "critic");
  expect(used).toMatchObject({ calls: 15, hits: 7, failed: 0, cost: 72, saved: 63 });
});

test("failures and cut-off answers are not kept; a follower asks itself when the first is aborted", async () => {
  await using at = await scripted(says("cut", { finish: "length" }));
  const m = openModelClient({
    config: ModelsConfig.parse({
      short: { kind: "openai", baseURL: at.baseURL, model: "m", attempts: 1 },
    }),
    db: store.db,
  });
  const ask = (o = {}) => m.call("short", prompt`Be long.`, { temperature: 0, ...o });
  for (let i = 0; i < 2; i++) expect((await ask()).cached).toBe(false);
  await ask({ cache: true });
  expect((await ask()).cached).toBe(true);

  at.script = [(r, asked) => void setTimeout(() => void says("late")(r, asked), 200)];
  const abort = new AbortController();
  const first = ask({ seed: 1, signal: abort.signal });
  const second = ask({ seed: 1 });
  await expect.poll(() => at.asked.length).toBe(4);
  abort.abort(new Error("gone"));
  await expect(first).rejects.toThrow("gone");
  expect(await second).toMatchObject({ text: "late", cached: false });
});

test("tiller models, beside a server on the same home: list, try, show", async () => {
  const critic = { kind: "openai", baseURL: "http://127.0.0.1:1/v1", model: "m", attempts: 1 };
  const own = { kind: "local", checkpoint: "base" };
  writeFileSync(path.join(home, "models.json"), JSON.stringify({ critic, own }));
  const main = fileURLToPath(new URL("../apps/cli/main.ts", import.meta.url));
  const tiller = async (...args: string[]) => {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [
      main,
      "models",
      ...args,
      "--home",
      home,
    ]).catch((e: unknown) => e as { stdout: string; stderr: string });
    return stdout + stderr;
  };
  const ask = ["try", "own", "The whale", "--tokens", "6", "--seed", "4", "--logprobs"];
  const first = await tiller(...ask, "--cache");
  expect(first).toContain(`${checkpoint}: `);
  expect(first).toMatch(/tokens in, 6 out, \$0.00, .* 1 request, ended by length/);
  expect(first.match(/-\d+\.\d{3}/g)).toHaveLength(6);
  expect(await tiller(...ask)).toContain("from the cache");
  const list = await tiller("list");
  expect(list).toContain("Registered checkpoints, called by name: talker, base");
  expect(list).toMatch(/critic\s+m at http:\/\/127.0.0.1:1\/v1 \(chat\)/);
  expect(await tiller("show", "own")).toMatch(/The whale .* 1$/m);
  expect(await tiller("try", "critic", "Hello")).toMatch(
    /tiller: critic failed: 127.0.0.1:1: .*Check that it runs and that baseURL is right\./,
  );
}, 240_000);
