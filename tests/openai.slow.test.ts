/**
 * The served models against OpenAI's API, letter by letter: models that say one fixed thing behind the real HTTP routes
 * and the real sampler, asked by the unmodified client.
 */
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { serve, type ServerType } from "@hono/node-server";
import { Hono } from "hono";
import OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CheckpointId } from "@tiller/schema";
import type { Env } from "@tiller/server/context.ts";
import { openaiRoutes } from "@tiller/server/routes/openai.ts";
import { SamplerPool } from "@tiller/serve";
import { openStore, type Store } from "@tiller/store";
import { saveCheckpointRow } from "@tiller/lab";
import {
  END,
  idsOf,
  saveSpeaker,
  sentencePieceSpeaker,
  type Speaker,
  speakerOf,
} from "./fixtures/speaker.ts";

const home = mkdtempSync(path.join(tmpdir(), "tiller-openai-"));
const sampler = new SamplerPool();
let store: Store;
let server: ServerType;
let client: OpenAI;

async function register(name: string, folder: string): Promise<void> {
  await saveCheckpointRow(store.db, {
    id: CheckpointId.parse(`${name}-${randomUUID()}`),
    name,
    role: "lm",
    path: folder,
    run: null,
    parent: null,
    metrics: {},
  });
}
async function speaker(name: string, s: Speaker): Promise<void> {
  const folder = path.join(home, name);
  await saveSpeaker(folder, s);
  await register(name, folder);
}
const loop = "abcdefghijklmnopqrstuvwxyz";
beforeAll(async () => {
  store = await openStore({ home });
  // "!" begins letters, "?" characters of several tokens
  const said = ["!abcdefghij", "?\u{1f642}\u00e9x"].map((text) => [...idsOf(text), END]);
  const follows = said.flatMap((ids) => ids.slice(1).map((id, i) => [ids[i]!, id] as const));
  await speaker("letters", speakerOf("", { chain: follows }));
  await speaker("spm", sentencePieceSpeaker());
  const ids = [...idsOf("!"), ...idsOf(loop)];
  const chain = [
    ...ids.slice(1).map((id, i) => [ids[i]!, id] as const),
    [ids.at(-1)!, ids[1]!] as const,
  ];
  await speaker("loop", speakerOf("", { chain, positions: 4096, margin: 30 }));
  await register("base", fileURLToPath(new URL("../models/base", import.meta.url)));
  const app = new Hono<Env>().route("/v1", openaiRoutes({ store, sampler }));
  server = serve({ fetch: app.fetch, port: 0 });
  const baseURL = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  client = new OpenAI({ baseURL, apiKey: "any", maxRetries: 0 });
  // the models' processes start beside each other
  await Promise.all(["letters", "spm", "loop", "base"].map((m) => text(m, { max_tokens: 1 })));
}, 240_000);
afterAll(async () => {
  server?.close();
  sampler[Symbol.dispose]();
  await store?.close();
  rmSync(home, { recursive: true, force: true });
});

/** Fields that the client's types do not have go along as well. */
type Extra = Record<string, unknown>;
const say = (model: string, o: Extra = {}) =>
  client.completions.create({
    model,
    prompt: "!",
    max_tokens: 20,
    temperature: 0,
    ...o,
  } as OpenAI.CompletionCreateParamsNonStreaming);
const text = async (model: string, o: Extra = {}) => (await say(model, o)).choices[0]!.text;
async function streamed(model: string, o: Extra = {}) {
  const asked = { model, prompt: "!", max_tokens: 20, temperature: 0, ...o };
  const all = {
    text: "",
    tokens: [] as string[],
    offsets: [] as number[],
    logprobs: [] as number[],
  };
  let finish: string | null = null;
  let usage: OpenAI.CompletionUsage | null = null;
  for await (const chunk of await client.completions.create({
    ...asked,
    stream: true,
    stream_options: { include_usage: true },
  } as OpenAI.CompletionCreateParamsStreaming)) {
    usage = chunk.usage ?? usage;
    const [c] = chunk.choices;
    if (!c) continue;
    all.text += c.text;
    finish = (c.finish_reason as string | null) ?? finish;
    all.tokens.push(...(c.logprobs?.tokens ?? []));
    all.offsets.push(...(c.logprobs?.text_offset ?? []));
    all.logprobs.push(...((c.logprobs?.token_logprobs ?? []) as number[]));
  }
  return { ...all, finish, usage };
}
const chat = (o: Extra = {}) =>
  client.chat.completions.create({
    model: "base",
    messages: [{ role: "user", content: "Hi" }],
    max_tokens: 2,
    ...o,
  } as OpenAI.ChatCompletionCreateParamsNonStreaming);

test("a reply is told to the letter: its end, its tokens, whole and streamed", async () => {
  const whole = await say("letters", { logprobs: 0 });
  expect(whole.choices[0]).toMatchObject({ text: "abcdefghij", finish_reason: "stop" });
  expect(whole.usage).toEqual({ prompt_tokens: 1, completion_tokens: 11, total_tokens: 12 });
  const { tokens, text_offset, top_logprobs } = whole.choices[0]!.logprobs!;
  expect(tokens).toEqual(["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", ""]);
  expect(text_offset).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(top_logprobs).toBeNull();
  const parts = await streamed("letters", { logprobs: 0 });
  expect(parts).toMatchObject({ text: "abcdefghij", tokens, offsets: text_offset, finish: "stop" });
  expect(parts.usage).toEqual(whole.usage);
  expect((await say("letters", { max_tokens: 4 })).choices[0]).toMatchObject({
    text: "abcd",
    finish_reason: "length",
  });
}, 60_000);

test.each([
  [
    "that never comes, though it begins",
    ["bcdX", "ij!"],
    ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", ""],
    "abcdefghij",
  ],
  ["across tokens", ["cde"], ["a", "b", "", "", ""], "ab"],
  ["the earlier of two", ["fg", "cd"], ["a", "b", "", ""], "ab"],
  ["of one character", "e", ["a", "b", "c", "d", ""], "abcd"],
])("log-probs stay with their tokens under a stop word: %s", async (_, stop, tokens, wanted) => {
  const { choices, usage } = await say("letters", { stop, logprobs: 1 });
  expect(choices[0]).toMatchObject({ text: wanted, finish_reason: "stop" });
  const logprobs = choices[0]!.logprobs!;
  expect(logprobs.tokens).toEqual(tokens);
  expect(logprobs.token_logprobs).toHaveLength(tokens.length);
  expect(usage!.completion_tokens).toBe(tokens.length);
  const parts = await streamed("letters", { stop, logprobs: 1 });
  expect(parts).toMatchObject({ text: wanted, tokens, finish: "stop" });
  expect(parts.logprobs).toEqual(logprobs.token_logprobs);
});

test("a character of several tokens stands with the last of them, and bytes say which they are", async () => {
  const { choices } = await say("letters", { prompt: "?", logprobs: 1 });
  expect(choices[0]!.text).toBe("\u{1f642}\u00e9x");
  expect(choices[0]!.logprobs!.tokens).toEqual(["", "", "", "\u{1f642}", "", "\u00e9", "x", ""]);
  expect(choices[0]!.logprobs!.text_offset).toEqual([0, 0, 0, 0, 1, 1, 2, 3]); // code points
  expect(await streamed("letters", { prompt: "?", logprobs: 1 })).toMatchObject({
    text: "\u{1f642}\u00e9x",
    tokens: choices[0]!.logprobs!.tokens,
    offsets: choices[0]!.logprobs!.text_offset,
  });
  // a stop word cuts the character's bytes as well
  expect(await text("letters", { prompt: "?", stop: "\u00e9" })).toBe("\u{1f642}");
  expect(await text("letters", { prompt: "?", max_tokens: 2 })).toBe("\ufffd");
  const inChat = await client.chat.completions.create({
    model: "letters",
    messages: [{ role: "user", content: "!" }],
    // the plain form of a chat ends with a colon, which this model does not know: "!" is what it is made to say first
    logit_bias: { [idsOf("!")[0]!]: 0 },
    max_tokens: 1,
    logprobs: true,
    top_logprobs: 2,
  });
  const [token] = inChat.choices[0]!.logprobs!.content!;
  expect(Buffer.from(token!.bytes!).toString()).toBe(inChat.choices[0]!.message.content);
  expect(token!.top_logprobs).toHaveLength(2);
}, 60_000);

test("the space before SentencePiece's first word is told", async () => {
  const { choices, usage } = await say("spm", { logprobs: 0 });
  expect(choices[0]!.text).toBe(" world again\u00e9");
  expect(choices[0]!.logprobs!.tokens).toEqual([" world", " again", "", "\u00e9", ""]);
  expect(usage!.completion_tokens).toBe(5);
  expect((await streamed("spm")).text).toBe(" world again\u00e9");
  const echoed = await say("spm", { echo: true, max_tokens: 2 });
  expect(echoed.choices[0]!.text).toBe("! world again");
});

test("echo, max_tokens 0, and the log-probs of a prompt", async () => {
  expect(await text("letters", { echo: true, max_tokens: 3 })).toBe("!abc");
  const none = await say("letters", { max_tokens: 0 });
  expect(none.choices[0]).toMatchObject({ text: "", finish_reason: "length" });
  expect(none.usage).toMatchObject({ prompt_tokens: 1, completion_tokens: 0 });
  const ask = { echo: true, logprobs: 2, max_tokens: 0, prompt: "Call me Ishmael." };
  const scored = (await say("base", ask)).choices[0]!;
  expect(scored.text).toBe(ask.prompt);
  const { tokens, token_logprobs: lps, top_logprobs, text_offset } = scored.logprobs!;
  expect(tokens!.join("")).toBe(ask.prompt);
  expect(lps![0]).toBeNull();
  expect(top_logprobs![0]).toBeNull();
  // each is what the model says of it when it is drawn: the prompt up to there, and that token alone allowed
  for (const i of [1, 2]) {
    const before = ask.prompt.slice(0, text_offset![i]);
    const one = await say("base", { prompt: before, max_tokens: 1, logprobs: 5 });
    const found = (
      one.choices[0]!.logprobs!.top_logprobs as unknown as Record<string, number>[]
    )[0]!;
    const [best] = Object.keys((top_logprobs as unknown as Record<string, number>[])[i]!);
    expect(found[best!]).toBeCloseTo(
      (top_logprobs as unknown as Record<string, number>[])[i]![best!]!,
      4,
    );
  }
  // a greedy reply, scored as a prompt, has the same log-probs
  const reply = (await say("base", { prompt: ask.prompt, max_tokens: 6, logprobs: 0 })).choices[0]!;
  const again = await say("base", { ...ask, prompt: ask.prompt + reply.text, logprobs: 0 });
  const tail = again.choices[0]!.logprobs!.token_logprobs!.slice(-6) as number[];
  const sum = (xs: readonly number[]) => xs.reduce((a, b) => a + b, 0);
  expect(sum(reply.logprobs!.token_logprobs as number[])).toBeCloseTo(sum(tail), 3);
}, 60_000);

test("log-probs are the model's own, whatever the temperature, penalties and biases", async () => {
  const ask = { prompt: "The whale", max_tokens: 1, logprobs: 5, seed: 5 };
  const top = async (o: Extra) =>
    (await say("base", { ...ask, ...o })).choices[0]!.logprobs!.top_logprobs![0]!;
  const plain = Object.values(await top({}));
  const others = await Promise.all([
    top({ temperature: 2, top_k: 1 }),
    top({ temperature: 0.3, top_p: 0 }),
    top({ presence_penalty: 2, logit_bias: { 5: 100 } }),
  ]);
  for (const other of others)
    Object.values(other)
      .slice(0, 5)
      .forEach((x, i) => expect(x).toBeCloseTo(plain[i]!, 4));
});

test("logit_bias bans and forces, penalties keep from repeating, top_k and min_p cut", async () => {
  const [b, z] = ["b", "z"].map((c) => idsOf(c)[0]!);
  expect(await text("letters", { logit_bias: { [b!]: -100 }, max_tokens: 2 })).not.toContain("b");
  expect(await text("letters", { logit_bias: { [z!]: 100 }, max_tokens: 3 })).toBe("zzz");
  expect(await text("loop", { max_tokens: 54 })).toBe(loop + loop + "ab");
  // left to itself the model repeats its words; what each penalty takes off exactly, packages/lm/draw.test.ts says
  const ask = { prompt: "The whale", max_tokens: 60 };
  const words = async (o: Extra) => new Set((await text("base", { ...ask, ...o })).split(" ")).size;
  const plain = await words({});
  expect(await words({ presence_penalty: 2 })).toBeGreaterThan(plain);
  expect(await words({ frequency_penalty: 2 })).toBeGreaterThan(plain);
  expect(await words({ repetition_penalty: 2 })).toBeGreaterThan(plain);
  const hot = { temperature: 2, seed: 3, max_tokens: 8 };
  expect(await text("loop", { ...hot, top_k: 1 })).toBe("abcdefgh");
  expect(await text("loop", { ...hot, min_p: 1 })).toBe("abcdefgh");
  expect(await text("loop", { ...hot, top_p: 0 })).toBe("abcdefgh");
}, 60_000);

test("best_of gives the likeliest of its candidates a token, and counts all of them", async () => {
  const ask = { prompt: "The whale", max_tokens: 6, temperature: 1, logprobs: 0, seed: 40 };
  const six = await say("base", { ...ask, n: 6 });
  const mean = (xs: readonly number[]) => xs.reduce((a, b) => a + b, 0) / xs.length;
  const ranked = six.choices.toSorted(
    (x, y) =>
      mean(y.logprobs!.token_logprobs as number[]) - mean(x.logprobs!.token_logprobs as number[]),
  );
  const { logprobs: _, ...unlogged } = ask;
  const best = await say("base", { ...unlogged, best_of: 6, n: 2 });
  expect(best.choices.map((c) => c.text)).toEqual(ranked.slice(0, 2).map((c) => c.text));
  expect(best.choices.map((c) => c.index)).toEqual([0, 1]);
  expect(best.choices[0]!.logprobs).toBeNull();
  expect(best.usage).toEqual(six.usage);
}, 60_000);

test("prompts: several, token ids, lists of them", async () => {
  const three = await say("letters", { prompt: ["!", "a", "d"], max_tokens: 2, n: 2 });
  expect(three.choices.map((c) => [c.index, c.text])).toEqual([
    [0, "ab"],
    [1, "ab"],
    [2, "bc"],
    [3, "bc"],
    [4, "ef"],
    [5, "ef"],
  ]);
  expect(three.usage).toEqual({ prompt_tokens: 3, completion_tokens: 12, total_tokens: 15 });
  expect(await text("letters", { prompt: idsOf("!"), max_tokens: 2 })).toBe("ab");
  const lists = await say("letters", { prompt: [idsOf("a"), idsOf("d")], max_tokens: 1 });
  expect(lists.choices.map((c) => c.text)).toEqual(["b", "e"]);
  await expect(say("letters", { prompt: [257] })).rejects.toMatchObject({
    status: 400,
    message: expect.stringContaining("ids go from 0 to 256") as string,
  });
  const many = await say("letters", { prompt: Array<string>(40).fill("!"), max_tokens: 1 });
  expect(many.choices.map((c) => c.text)).toEqual(Array<string>(40).fill("a"));
}, 60_000);

test("what fits is the model's own: chat without max_tokens takes what is left, more is refused", async () => {
  const open = await chat({ max_tokens: undefined, seed: 1 });
  expect(open.usage!.total_tokens).toBeLessThanOrEqual(128);
  if (open.choices[0]!.finish_reason === "length") expect(open.usage!.total_tokens).toBe(128);
  const long = await say("loop", { max_tokens: 4000 });
  expect(long.usage!.completion_tokens).toBe(4000);
  await expect(say("loop", { max_tokens: 4096 })).rejects.toMatchObject({
    status: 400,
    code: "context_length_exceeded",
    message: expect.stringContaining("maximum context length is 4096 tokens") as string,
  });
  // 16 by default, less where less is left
  const nearly = { prompt: "x".repeat(250), max_tokens: undefined };
  expect((await say("letters", nearly)).usage!.completion_tokens).toBeLessThanOrEqual(6);
  await expect(say("letters", { prompt: "x".repeat(256) })).rejects.toMatchObject({ status: 400 });
  await expect(streamed("letters", { prompt: "x".repeat(400) })).rejects.toMatchObject({
    status: 400,
    code: "context_length_exceeded",
  });
}, 60_000);

test.each<[string, Extra, string, string?]>([
  ["suffix", { suffix: "zzz" }, "unsupported_parameter"],
  ["an unknown field", { flibber: 1 }, "unknown_parameter", "flibber"],
  ["a grammar", { response_format: { type: "grammar" } }, "invalid_value", "response_format.type"],
  ["an empty stop", { stop: "" }, "invalid_value", "stop"],
  ["an empty stop among others", { stop: ["a", ""] }, "invalid_value", "stop.1"],
  ["five stops", { stop: ["1", "2", "3", "4", "5"] }, "invalid_value", "stop"],
  ["a hot temperature", { temperature: 2.5 }, "invalid_value", "temperature"],
  ["a temperature in words", { temperature: "hot" }, "invalid_type", "temperature"],
  ["a seed with a fraction", { seed: 1.5 }, "invalid_type", "seed"],
  ["a bias for a word", { logit_bias: { whale: 1 } }, "invalid_value"],
  ["a bias beyond the vocabulary", { logit_bias: { 300: 1 } }, "invalid_value"],
  ["a bias too strong", { logit_bias: { 3: 101 } }, "invalid_value", "logit_bias.3"],
  ["best_of below n", { best_of: 1, n: 2 }, "invalid_value", "best_of"],
  ["half a character", { prompt: "\ud83d" }, "invalid_value", "prompt"],
  [
    "usage without a stream",
    { stream_options: { include_usage: true } },
    "invalid_value",
    "stream_options",
  ],
])("refused by name: %s", async (_, o, code, param) => {
  const error = { status: 400, code, type: "invalid_request_error", ...(param && { param }) };
  await expect(say("letters", o)).rejects.toMatchObject(error);
});

test.each<[string, Extra, string]>([
  ["tools", { tools: [{ type: "function", function: { name: "f", parameters: {} } }] }, "tools"],
  [
    "a schema without a name",
    { response_format: { type: "json_schema", json_schema: { schema: {} } } },
    "response_format.json_schema.name",
  ],
  ["a role of tools", { messages: [{ role: "tool", content: "1" }] }, "messages.0.role"],
  ["nothing said", { messages: [{ role: "assistant", content: null }] }, "messages.0.content"],
  [
    "a picture",
    { messages: [{ role: "user", content: [{ type: "image_url", image_url: {} }] }] },
    "messages.0.content",
  ],
  ["a name", { messages: [{ role: "user", name: "bob", content: "Hi" }] }, "messages.0.name"],
  ["top_logprobs alone", { top_logprobs: 2 }, "top_logprobs"],
  ["both limits", { max_completion_tokens: 3 }, "max_tokens"],
  ["effort", { reasoning_effort: "high" }, "reasoning_effort"],
  ["a tier", { service_tier: "flex" }, "service_tier"],
  ["no message", { messages: [] }, "messages"],
  ["labels of nothing", { metadata: { a: "b" } }, "metadata"],
  ["a long user", { user: "u".repeat(600) }, "user"],
])("refused by name in a chat: %s", async (_, o, param) => {
  await expect(chat(o)).rejects.toMatchObject({ status: 400, param });
});

test("fields that mean nothing here are taken: null, empty tools, tiers, labels", async () => {
  const reply = await chat({
    stop: null,
    n: null,
    seed: null,
    logit_bias: null,
    tools: [],
    tool_choice: "none",
    response_format: { type: "text" },
    modalities: ["text"],
    service_tier: "auto",
    user: "u",
    safety_identifier: "s",
    store: false,
  });
  expect(reply).toMatchObject({ service_tier: "default", choices: [{ index: 0 }] });
});

test("a stored chat completion comes back, is found by its labels, and is forgotten", async () => {
  const ask = { store: true, user: "u", seed: 4 };
  const one = await chat({ ...ask, metadata: { topic: "whales" } });
  let streamedId = "";
  for await (const chunk of await client.chat.completions.create({
    model: "base",
    messages: [{ role: "user", content: "Hi" }],
    max_tokens: 2,
    stream: true,
    ...ask,
    metadata: { topic: "ships", ["__proto__"]: "x" },
  }))
    streamedId = chunk.id;
  const kept = await client.chat.completions.retrieve(one.id);
  expect(kept).toMatchObject({ ...one, user: "u", metadata: { topic: "whales" } });
  const stored = await client.chat.completions.retrieve(streamedId);
  expect(stored.choices).toEqual(one.choices);
  expect(stored.usage).toEqual(one.usage);
  const ids = async (o: OpenAI.ChatCompletionListParams) =>
    (await client.chat.completions.list(o)).data.map((c) => c.id);
  expect(await ids({ metadata: { topic: "ships" } })).toEqual([streamedId]);
  expect(await ids({ order: "desc" })).toEqual([streamedId, one.id]);
  expect(await ids({ after: one.id })).toEqual([streamedId]);
  expect(await ids({ model: "letters" })).toEqual([]);
  const messages = await client.chat.completions.messages.list(one.id);
  expect(messages.data.map((m) => m.content)).toEqual(["Hi"]);
  await client.chat.completions.delete(one.id);
  await expect(client.chat.completions.retrieve(one.id)).rejects.toMatchObject({ status: 404 });
});

test("a seed at the end of the numbers gives its choices seeds of their own, and ends nobody", async () => {
  const neighbour = say("loop", { max_tokens: 400 });
  const ask = { prompt: "The whale", temperature: 1, max_tokens: 8, n: 3 };
  const far = await say("base", { ...ask, seed: Number.MAX_SAFE_INTEGER });
  expect(new Set(far.choices.map((c) => c.text)).size).toBe(3);
  const near = await say("base", { ...ask, seed: Number.MIN_SAFE_INTEGER });
  expect(near.choices).toHaveLength(3);
  expect((await neighbour).usage!.completion_tokens).toBe(400);
});

test("other doors answer in OpenAI's shape: unknown URLs, methods, types, what is no JSON", async () => {
  const base = client.baseURL;
  const ask = async (url: string, o: RequestInit = {}) => {
    const reply = await fetch(`${base}${url}`, o);
    const body = (await reply.json()) as { error: Record<string, unknown> };
    expect(Object.keys(body.error).sort()).toEqual(["code", "message", "param", "type"]);
    return [reply.status, body.error["code"]];
  };
  expect(await ask("/embeddings", { method: "POST" })).toEqual([404, "unknown_url"]);
  expect(await ask("/models/nobody")).toEqual([404, "model_not_found"]);
  expect(await ask("/models/a/b")).toEqual([404, "model_not_found"]);
  expect(await ask("/completions")).toEqual([405, "method_not_supported"]);
  const post = (body: string, type = "application/json") =>
    ask("/completions", { method: "POST", body, headers: { "content-type": type } });
  expect(await post("{", "application/json; charset=utf-8")).toEqual([400, "invalid_json"]);
  expect(await post("[]")).toEqual([400, "invalid_type"]);
  expect(await post("{}", "text/plain")).toEqual([415, "unsupported_content_type"]);
  expect(await post('{"__proto__": 1, "model": "base", "prompt": "!"}')).toEqual([
    400,
    "unknown_parameter",
  ]);
});
