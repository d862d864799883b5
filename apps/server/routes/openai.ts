/** The served models, as OpenAI's API has it: /v1/models, /v1/completions and /v1/chat/completions, streaming or not. */
import { type Context, Hono } from "hono";
import { streamSSE } from "hono/streaming";
import { randomUUID } from "node:crypto";
import { type Checkpoint, own, TillerError } from "@tiller/schema";
import { findServed, servedCheckpoints } from "@tiller/lab";
import { type Part, randomSeed, type ReplyToken, storeCompletion, textOf } from "@tiller/serve";
import type { Deps, Env } from "../context.ts";
import { chatDialect, completionDialect, type Dialect, lengthOf } from "../openai-reply.ts";
import {
  chatWanted,
  completionWanted,
  readChat,
  readCompletion,
  type Wanted,
} from "../openai-request.ts";
import { type OpenaiError, openaiError } from "../openai-error.ts";
import { personOf, storedRoutes } from "./stored-completions.ts";

type Served = Pick<Deps, "store" | "sampler">;
const AT_ONCE = 16; // choices of one request that are written at once: others' come between

/** What the sampler's refusals are about, and whose fault they are. */
const faults: Record<string, { status: 400 | 500 | 503; code?: string; param?: string }> = {
  too_long: { status: 400, code: "context_length_exceeded" },
  bad_token: { status: 400, code: "invalid_value" },
  bad_messages: { status: 400, param: "messages" },
  bad_prompt: { status: 400 },
  bad_request: { status: 400 },
  prompt_failed: { status: 400 },
  schema_unsupported: { status: 400, param: "response_format" },
  format_too_large: { status: 400, param: "response_format" },
  format_impossible: { status: 400, param: "response_format" },
  nothing_allowed: { status: 400, param: "logit_bias" },
  sampler_crashed: { status: 503 },
};
function failed(e: unknown): { status: 400 | 500 | 503; body: OpenaiError } {
  const { message } = e as Error;
  if (!(e instanceof TillerError)) {
    console.error(e);
    return { status: 500, body: openaiError(500, "internal", message) };
  }
  const { status, code = e.code, param } = own(faults, e.code) ?? { status: 500 };
  return { status, body: openaiError(status, code, message, param) };
}

const seconds = (iso: string) => Math.floor(Date.parse(iso) / 1000);
const described = (m: Checkpoint) => ({
  id: m.name,
  object: "model",
  created: seconds(m.createdAt),
  owned_by: "tiller",
  checkpoint: m.id,
});
async function unknownModel(c: Context, d: Served, name: string): Promise<Response> {
  const names = (await servedCheckpoints(d.store.db)).map((m) => m.name).join(", ");
  const message = `The model ${name.slice(0, 200)} does not exist. There are: ${names || "none yet"}.`;
  return c.json(openaiError(404, "model_not_found", message, "model"), 404);
}

/** Seeds of a request's choices differ; at the end of the numbers they go on at their beginning. */
const seedOf = (seed: number, index: number): number =>
  seed > Number.MAX_SAFE_INTEGER - index
    ? Number.MIN_SAFE_INTEGER + (index - 1 - (Number.MAX_SAFE_INTEGER - seed))
    : seed + index;

/** Runs `each` for all of 0 to n - 1, some at once; the first failure ends it. */
async function inWaves(n: number, each: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  let over = false;
  const lane = async () => {
    while (next < n && !over) await each(next++);
  };
  try {
    await Promise.all(Array.from({ length: Math.min(n, AT_ONCE) }, lane));
  } finally {
    over = true;
  }
}

interface Choice {
  tokens: ReplyToken[];
  prompt: ReplyToken[];
  finish: string;
}
function grow(choice: Choice, p: Part): void {
  for (const t of p.prompt ?? []) choice.prompt.push(t);
  for (const t of p.tokens) choice.tokens.push(t);
  choice.finish = p.finish ?? choice.finish;
}
/** Mean log-prob of its tokens: the best of several is the likeliest a token. */
const merit = ({ tokens }: Choice): number =>
  tokens.reduce((sum, t) => sum + (t.logprob ?? 0), 0) / Math.max(1, tokens.length);

async function complete(
  c: Context<Env>,
  d: Served,
  w: Wanted,
  dialect: Dialect,
): Promise<Response> {
  const model = await findServed(d.store.db, w.model);
  if (!model) return unknownModel(c, d, w.model);
  const head = {
    id: `${dialect.id}-${randomUUID()}`,
    created: Math.floor(Date.now() / 1000),
    model: model.name,
    system_fingerprint: model.id,
    ...(w.serviceTier && { service_tier: "default" }),
  };
  const seed = w.seed ?? randomSeed();
  const ranked = w.bestOf > w.n;
  const draw = { ...w.draw, logprobs: w.draw.logprobs ?? (ranked ? 0 : null) };
  const abort = new AbortController();
  const signal = AbortSignal.any([c.req.raw.signal, abort.signal]);
  const generate = (index: number) =>
    d.sampler.generate(
      {
        ...draw,
        path: model.path,
        prompt: w.prompts[Math.floor(index / w.bestOf)],
        seed: seedOf(seed, index),
      },
      signal,
    );
  const total = w.prompts.length * w.bestOf;
  /** A reply that is to be kept is kept before it is told to the end. */
  const keep = async (reply: object) => {
    if (!w.kept) return;
    const { labels, messages } = w.kept;
    const whole = { ...reply, ...labels };
    await storeCompletion(d.store.db, {
      id: head.id,
      person: personOf(c),
      checkpoint: model.id,
      labels,
      messages: messages.map((m, i) => ({ id: `${head.id}-${i}`, ...m })),
      reply: whole,
    });
  };
  const usage = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
  const count = (index: number, p: Part) => {
    if (index % w.bestOf === 0) usage.prompt_tokens += p.promptTokens ?? 0; // its choices share a prompt
    usage.completion_tokens += p.tokens.length;
    usage.total_tokens = usage.prompt_tokens + usage.completion_tokens;
  };
  const wantsLogprobs = w.draw.logprobs !== null;
  const shown = ({ tokens, prompt, finish }: Choice, index: number) => {
    const told = [...prompt, ...tokens];
    const logprobs = wantsLogprobs ? dialect.logprobs(told, 0) : null;
    return { ...dialect.whole(textOf(told)), index, logprobs, finish_reason: finish };
  };
  c.header("x-tiller-checkpoint", model.id);

  if (w.stream) {
    // what is refused at once is refused by the status
    const opened = generate(0);
    let begun: IteratorResult<Part, unknown>;
    try {
      begun = await opened.next();
    } catch (e) {
      const { status, body } = failed(e);
      return c.json(body, status);
    }
    return streamSSE(c, async (stream) => {
      stream.onAbort(() => abort.abort());
      const send = (data: unknown) => stream.writeSSE({ data: JSON.stringify(data) });
      const chunk = { ...head, object: dialect.chunk };
      const noUsage = w.includeUsage && { usage: null };
      const all: Choice[] = [];
      const told = async (index: number) => {
        let [first, offset] = [true, 0];
        const choice: Choice = (all[index] = { tokens: [], prompt: [], finish: "" });
        const part = async (p: Part) => {
          count(index, p);
          if (w.kept) grow(choice, p);
          const tokens = [...(p.prompt ?? []), ...p.tokens];
          const text = textOf(tokens);
          const logprobs = wantsLogprobs ? dialect.logprobs(tokens, offset) : null;
          offset += lengthOf(text);
          if (!first && !tokens.length && !p.finish) return;
          const delta = { ...dialect.delta(text, first), index, logprobs };
          first = false;
          await send({
            ...chunk,
            choices: [{ ...delta, finish_reason: p.finish ?? null }],
            ...noUsage,
          });
        };
        if (index === 0 && !begun.done) await part(begun.value);
        if (index === 0 && begun.value && (begun.value as Part).finish) return;
        for await (const p of index === 0 ? opened : generate(index)) await part(p);
      };
      try {
        await inWaves(total, told);
        await keep({ ...head, object: dialect.object, choices: all.map(shown), usage });
        if (w.includeUsage) await send({ ...chunk, choices: [], usage });
      } catch (e) {
        abort.abort();
        await send(failed(e).body);
      }
      await stream.writeSSE({ data: "[DONE]" });
    });
  }

  try {
    const all: Choice[] = [];
    await inWaves(total, async (index) => {
      const choice: Choice = (all[index] = { tokens: [], prompt: [], finish: "" });
      for await (const p of generate(index)) {
        count(index, p);
        grow(choice, p);
      }
    });
    const given = w.prompts.flatMap((_, i) => {
      const candidates = all.slice(i * w.bestOf, (i + 1) * w.bestOf);
      if (ranked) candidates.sort((a, b) => merit(b) - merit(a));
      return candidates.slice(0, w.n);
    });
    const reply = { ...head, object: dialect.object, choices: given.map(shown), usage };
    await keep(reply);
    return c.json({ ...reply, ...(w.kept && { metadata: w.kept.labels["metadata"] }) });
  } catch (e) {
    abort.abort();
    const { status, body } = failed(e);
    return c.json(body, status);
  }
}

const urls: readonly (readonly [RegExp, string])[] = [
  [/^\/v1\/models(\/.+)?$/, "GET"],
  [/^\/v1\/completions$/, "POST"],
  [/^\/v1\/chat\/completions$/, "GET, POST"],
  [/^\/v1\/chat\/completions\/[^/]+$/, "GET, DELETE"],
  [/^\/v1\/chat\/completions\/[^/]+\/messages$/, "GET"],
];

export const openaiRoutes = (d: Served) =>
  new Hono<Env>()
    .get("/models", async (c) =>
      c.json({ object: "list", data: (await servedCheckpoints(d.store.db)).map(described) }),
    )
    .get("/models/:id{.+}", async (c) => {
      const m = await findServed(d.store.db, c.req.param("id"));
      return m ? c.json(described(m)) : unknownModel(c, d, c.req.param("id"));
    })
    .post("/completions", async (c) => {
      const r = await readCompletion(c);
      return r instanceof Response
        ? r
        : complete(c, d, completionWanted(r.body), completionDialect);
    })
    .post("/chat/completions", async (c) => {
      const r = await readChat(c);
      return r instanceof Response ? r : complete(c, d, chatWanted(r.body), chatDialect);
    })
    .route("/chat/completions", storedRoutes(d))
    .all("/*", (c) => {
      const { method, path } = c.req;
      const known = urls.find(([url]) => url.test(path))?.[1];
      if (!known)
        return c.json(
          openaiError(
            404,
            "unknown_url",
            `Unknown request URL: ${method} ${path.slice(0, 200)}. There are: GET /v1/models, GET /v1/models/{id}, POST /v1/completions, POST /v1/chat/completions.`,
          ),
          404,
        );
      c.header("allow", known);
      const message = `Not allowed to ${method} on ${path.slice(0, 200)}. Use ${known}.`;
      return c.json(openaiError(405, "method_not_supported", message), 405);
    });
