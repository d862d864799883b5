/** The served models, as OpenAI's API has it: /v1/models, /v1/completions and /v1/chat/completions, streaming or not. */
import { type Context, Hono } from "hono";
import { streamSSE } from "hono/streaming";
import { randomUUID } from "node:crypto";
import { z } from "zod";
import { type Checkpoint, TillerError } from "@tiller/schema";
import type { Deps, Env } from "../context.ts";
import { findServed, randomSeed, servedCheckpoints } from "../engine.ts";
import type { GenerateRequest } from "../sampler.ts";

type Served = Pick<Deps, "store" | "sampler">;

const common = {
  model: z.string(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  n: z.int().min(1).max(16).nullish(),
  seed: z.int().nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(4)]).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
};
const tokens = z.int().min(1).max(4096).nullish();
const Completion = z.object({
  ...common,
  prompt: z.union([z.string(), z.array(z.string()).min(1).max(16)]),
  max_tokens: tokens,
  logprobs: z.int().min(0).max(5).nullish(),
});
const Content = z.union([
  z.string(),
  z
    .array(z.object({ type: z.literal("text"), text: z.string() }))
    .transform((parts) => parts.map((p) => p.text).join("")),
]);
const Chat = z.object({
  ...common,
  messages: z
    .array(
      z.object({
        // `developer` is what OpenAI calls the system's role by now
        role: z
          .enum(["system", "developer", "user", "assistant"])
          .transform((role) => (role === "developer" ? "system" : role)),
        content: Content,
      }),
    )
    .min(1),
  max_tokens: tokens,
  max_completion_tokens: tokens,
  logprobs: z.boolean().nullish(),
  // refused, so that nobody takes free text for what they asked for
  response_format: z
    .object({ type: z.literal("text", "only text: ask for JSON in the prompt and parse it") })
    .nullish(),
  tools: z.array(z.unknown()).max(0, "tools are not supported").nullish(),
});
type Request = Omit<z.infer<typeof Completion>, "prompt" | "max_tokens" | "logprobs">;

/** How the two APIs differ: what things are called, and where text and log-probs stand. */
interface Dialect {
  readonly id: string;
  readonly object: string;
  readonly chunk: string;
  readonly maxTokens: number;
  readonly prompts: readonly GenerateRequest["prompt"][];
  readonly logprobs: boolean;
  whole(text: string): object;
  delta(text: string, first: boolean): object;
  logprobsOf(tokens: readonly Token[]): object;
}
interface Token {
  readonly text: string;
  readonly logprob: number;
}

const textLogprobs = (ts: readonly Token[]) => ({
  tokens: ts.map((t) => t.text),
  token_logprobs: ts.map((t) => t.logprob),
  top_logprobs: null,
  text_offset: null,
});
const completions = (r: z.infer<typeof Completion>): Dialect => ({
  id: "cmpl",
  object: "text_completion",
  chunk: "text_completion",
  maxTokens: r.max_tokens ?? 16,
  prompts: Array.isArray(r.prompt) ? r.prompt : [r.prompt],
  logprobs: typeof r.logprobs === "number",
  whole: (text) => ({ text }),
  delta: (text) => ({ text }),
  logprobsOf: textLogprobs,
});
const chats = (r: z.infer<typeof Chat>): Dialect => ({
  id: "chatcmpl",
  object: "chat.completion",
  chunk: "chat.completion.chunk",
  maxTokens: r.max_completion_tokens ?? r.max_tokens ?? 256,
  prompts: [r.messages],
  logprobs: r.logprobs ?? false,
  whole: (content) => ({ message: { role: "assistant", content, refusal: null } }),
  delta: (content, first) => ({ delta: { ...(first && { role: "assistant" }), content } }),
  logprobsOf: (ts) => ({
    content: ts.map((t) => ({
      token: t.text,
      logprob: t.logprob,
      bytes: [...Buffer.from(t.text)],
      top_logprobs: [],
    })),
    refusal: null,
  }),
});

const fail = (message: string, code: string, param: string | null = null) => ({
  error: { message, type: "invalid_request_error", param, code },
});
/** The sampler's errors in OpenAI's words. */
const failed = (e: unknown) =>
  e instanceof TillerError
    ? fail(e.message, e.code === "too_long" ? "context_length_exceeded" : e.code)
    : { error: { message: (e as Error).message, type: "server_error", param: null, code: null } };
const seconds = (iso: string) => Math.floor(Date.parse(iso) / 1000);
const described = (m: Checkpoint) => ({
  id: m.name,
  object: "model",
  created: seconds(m.createdAt),
  owned_by: "tiller",
  checkpoint: m.id,
});

/** Parses the body; what is wrong with it goes back in OpenAI's words. */
async function bodyOf<T>(c: Context, schema: z.ZodType<T>): Promise<{ body: T } | Response> {
  const parsed = schema.safeParse(await c.req.json().catch(() => undefined));
  if (parsed.success) return { body: parsed.data };
  const issue = parsed.error.issues[0]!;
  const where = issue.path.join(".");
  return c.json(fail(`${where || "body"}: ${issue.message}`, "invalid_value", where || null), 400);
}

/** Every choice of a request, all at once: the sampler runs them as one batch. */
async function complete(c: Context, d: Served, r: Request, dialect: Dialect): Promise<Response> {
  const model = await findServed(d.store.db, r.model);
  if (!model) {
    const names = (await servedCheckpoints(d.store.db)).map((m) => m.name).join(", ");
    const message = `The model ${r.model} does not exist. There are: ${names || "none yet"}.`;
    return c.json(fail(message, "model_not_found", "model"), 404);
  }
  const head = {
    id: `${dialect.id}-${randomUUID()}`,
    created: Math.floor(Date.now() / 1000),
    model: model.name,
    system_fingerprint: model.id,
  };
  const n = r.n ?? 1;
  const seed = r.seed ?? randomSeed();
  const generate = (index: number, signal: AbortSignal) =>
    d.sampler.generate(
      {
        path: model.path,
        prompt: dialect.prompts[Math.floor(index / n)],
        maxTokens: dialect.maxTokens,
        temperature: r.temperature ?? 1,
        topP: r.top_p ?? 1,
        seed: seed + index,
        stop: [r.stop ?? []].flat(),
      },
      signal,
    );
  const indices = Array.from({ length: dialect.prompts.length * n }, (_, i) => i);
  const usage = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
  /** Reads one choice to its end, part by part. */
  const read = async (
    index: number,
    signal: AbortSignal,
    part: (p: { text: string; tokens: Token[]; finish: string | null }) => Promise<void>,
  ) => {
    for await (const p of generate(index, signal)) {
      if (index % n === 0) usage.prompt_tokens += p.promptTokens ?? 0; // n choices share a prompt
      const values = p.logprobs ?? [];
      usage.completion_tokens += values.length;
      // of several tokens that make one character, the last has the text
      const ts = values.map((logprob, i) => ({
        text: i === values.length - 1 ? p.text : "",
        logprob,
      }));
      await part({ text: p.text, tokens: ts, finish: p.finish ?? null });
    }
    usage.total_tokens = usage.prompt_tokens + usage.completion_tokens;
  };
  c.header("x-tiller-checkpoint", model.id);

  if (r.stream)
    return streamSSE(c, async (stream) => {
      const abort = new AbortController();
      stream.onAbort(() => abort.abort());
      const send = (data: unknown) => stream.writeSSE({ data: JSON.stringify(data) });
      const chunk = { ...head, object: dialect.chunk };
      try {
        await Promise.all(
          indices.map((index) => {
            let first = true;
            return read(index, abort.signal, async (p) => {
              const logprobs = dialect.logprobs ? dialect.logprobsOf(p.tokens) : null;
              const choice = { ...dialect.delta(p.text, first), index, logprobs };
              first = false;
              await send({ ...chunk, choices: [{ ...choice, finish_reason: p.finish }] });
            });
          }),
        );
        if (r.stream_options?.include_usage) await send({ ...chunk, choices: [], usage });
      } catch (e) {
        abort.abort();
        await send(failed(e));
      }
      await stream.writeSSE({ data: "[DONE]" });
    });

  const abort = new AbortController();
  const signal = AbortSignal.any([c.req.raw.signal, abort.signal]);
  try {
    const choices = await Promise.all(
      indices.map(async (index) => {
        let [text, finish] = ["", "stop"];
        const all: Token[] = [];
        await read(index, signal, async (p) => {
          text += p.text;
          finish = p.finish ?? finish;
          all.push(...p.tokens);
        });
        const logprobs = dialect.logprobs ? dialect.logprobsOf(all) : null;
        return { ...dialect.whole(text), index, logprobs, finish_reason: finish };
      }),
    );
    return c.json({ ...head, object: dialect.object, choices, usage });
  } catch (e) {
    abort.abort();
    return c.json(failed(e), e instanceof TillerError && e.code !== "sampler_crashed" ? 400 : 503);
  }
}

export const openaiRoutes = (d: Served) =>
  new Hono<Env>()
    .get("/models", async (c) =>
      c.json({ object: "list", data: (await servedCheckpoints(d.store.db)).map(described) }),
    )
    .get("/models/:id", async (c) => {
      const m = await findServed(d.store.db, c.req.param("id"));
      return m
        ? c.json(described(m))
        : c.json(fail(`The model ${c.req.param("id")} does not exist.`, "model_not_found"), 404);
    })
    .post("/completions", async (c) => {
      const r = await bodyOf(c, Completion);
      return r instanceof Response ? r : complete(c, d, r.body, completions(r.body));
    })
    .post("/chat/completions", async (c) => {
      const r = await bodyOf(c, Chat);
      return r instanceof Response ? r : complete(c, d, r.body, chats(r.body));
    });
