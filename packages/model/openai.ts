/**
 * An OpenAI-compatible endpoint through the official client: chat or completions, streamed or not. The client's own
 * retries are off (its wait cannot be aborted, and a broken stream is not among what it retries); its timeout ends at
 * the headers, so silence is timed here. Every reply is parsed: what compatible servers leave out is known to differ.
 */
import OpenAI, { APIConnectionError, APIConnectionTimeoutError, APIError } from "openai";
import { z } from "zod";
import type { OpenAIModel } from "./config.ts";
import {
  type Completion,
  type Endpoint,
  EndpointError,
  estimateTokens,
  promptEstimate,
  type Request,
  type SendOptions,
  type TokenLogprob,
} from "./endpoint.ts";
import { kindOf, retryAfterMs } from "./errors.ts";
import { isStrict } from "./structured.ts";

const Usage = z.looseObject({ prompt_tokens: z.int(), completion_tokens: z.int().default(0) });
const ChatLogprobs = z
  .looseObject({
    content: z.array(z.looseObject({ token: z.string(), logprob: z.number() })).nullish(),
  })
  .nullish();
const TextLogprobs = z
  .looseObject({
    tokens: z.array(z.string()).nullish(),
    token_logprobs: z.array(z.number().nullable()).nullish(),
  })
  .nullish();
const Words = z.looseObject({ content: z.string().nullish(), refusal: z.string().nullish() });

/** One shape for both APIs, whole or in chunks. */
const Reply = z.looseObject({
  model: z.string().nullish(),
  choices: z.array(
    z.looseObject({
      text: z.string().nullish(),
      message: Words.nullish(),
      delta: Words.nullish(),
      finish_reason: z.string().nullish(),
      logprobs: z.union([ChatLogprobs, TextLogprobs]),
    }),
  ),
  usage: Usage.nullish(),
});
type Reply = z.infer<typeof Reply>;
type Choice = Reply["choices"][number];

const textOf = (c: Choice): string => {
  const words = c.message ?? c.delta;
  return c.text ?? words?.content ?? words?.refusal ?? "";
};

function logprobsOf(c: Choice): TokenLogprob[] {
  const chat = ChatLogprobs.parse(c.logprobs)?.content;
  if (chat) return chat.map(({ token, logprob }) => ({ token, logprob }));
  const { tokens, token_logprobs: values } = TextLogprobs.parse(c.logprobs) ?? {};
  // the first token of an echoed prompt has no log-prob
  return (tokens ?? []).flatMap((token, i) => {
    const logprob = values?.[i];
    return typeof logprob === "number" ? [{ token, logprob }] : [];
  });
}

/** Completions have no roles: the messages' texts, an empty line between them. */
export const flatPrompt = (messages: Request["messages"]): string =>
  messages.map((m) => m.content).join("\n\n");

function bodyOf(config: OpenAIModel, r: Request, stream: boolean): Record<string, unknown> {
  const chat = config.api === "chat";
  const official = new URL(config.baseURL).hostname === "api.openai.com";
  const tokensField =
    config.maxTokensField ?? (chat && official ? "max_completion_tokens" : "max_tokens");
  const format =
    r.schema === undefined
      ? undefined
      : config.structured === "json_object"
        ? { type: "json_object" }
        : {
            type: "json_schema",
            json_schema: { name: "answer", schema: r.schema, strict: isStrict(r.schema) },
          };
  return {
    model: config.model,
    ...(chat ? { messages: r.messages } : { prompt: flatPrompt(r.messages) }),
    temperature: r.temperature,
    top_p: r.topP,
    [tokensField]: r.maxTokens,
    stop: r.stop?.length ? r.stop : undefined,
    seed: r.seed,
    logprobs: r.logprobs ? (chat ? true : 1) : undefined,
    response_format: format,
    ...(stream && { stream: true, stream_options: { include_usage: true } }),
    ...config.extra,
  };
}

/** Aborts when nothing was heard for `ms`. */
function watch(ms: number): { signal: AbortSignal; heard: () => void; stop: () => void } {
  const silent = new AbortController();
  const timer = setTimeout(() => silent.abort(), ms);
  return {
    signal: silent.signal,
    heard: () => void timer.refresh(),
    stop: () => clearTimeout(timer),
  };
}

export function openaiEndpoint(config: OpenAIModel, apiKey: string): Endpoint {
  const timeoutMs = Math.ceil(config.timeoutSeconds * 1000);
  const client = new OpenAI({
    baseURL: config.baseURL,
    apiKey,
    organization: null,
    project: null,
    maxRetries: 0,
    timeout: timeoutMs,
    logLevel: "off",
  });
  const path = config.api === "chat" ? "/chat/completions" : "/completions";
  const structured = config.structured ?? (config.api === "chat" ? "json_schema" : "prompt");

  const send = async (request: Request, o: SendOptions): Promise<Completion> => {
    const stream = o.onText !== undefined;
    const silence = watch(timeoutMs);
    const signal = AbortSignal.any([o.signal, silence.signal]);
    const options = {
      body: bodyOf(config, request, stream),
      signal,
      headers: o.key === undefined ? {} : { "idempotency-key": o.key },
    };
    let began = false;
    try {
      let [text, finish, model] = ["", "", config.model];
      let usage: Reply["usage"];
      const logprobs: TokenLogprob[] = [];
      const take = (raw: unknown) => {
        silence.heard();
        began = true;
        const part = Reply.parse(raw);
        model = part.model || model;
        usage = part.usage ?? usage;
        const choice = part.choices[0];
        if (!choice) return;
        const delta = textOf(choice);
        text += delta;
        finish = choice.finish_reason ?? finish;
        if (request.logprobs) logprobs.push(...logprobsOf(choice));
        if (delta) o.onText?.(delta);
      };
      if (stream)
        for await (const chunk of await client.post<AsyncIterable<unknown>>(path, {
          ...options,
          stream: true,
        }))
          take(chunk);
      else {
        const whole = await client.post<unknown>(path, options);
        take(whole);
        if (!Reply.parse(whole).choices.length)
          throw new EndpointError("bad_reply", "the reply has no choices");
        finish ||= "stop";
      }
      // the client ends an aborted stream in silence, and one that the server cuts off as well
      signal.throwIfAborted();
      if (!finish)
        throw new EndpointError(
          "broken_stream",
          `the reply broke off after ${text.length} characters`,
        );
      return {
        text,
        finish,
        model,
        promptTokens: usage?.prompt_tokens ?? promptEstimate(request.messages),
        completionTokens: usage?.completion_tokens ?? estimateTokens(text),
        estimated: !usage,
        logprobs: request.logprobs ? logprobs : null,
      };
    } catch (e) {
      o.signal.throwIfAborted();
      throw asEndpointError(e, {
        silentSeconds: silence.signal.aborted ? config.timeoutSeconds : undefined,
        began,
        where: new URL(config.baseURL).host,
      });
    } finally {
      silence.stop();
    }
  };
  return {
    structured,
    identity: () => Promise.resolve(`${config.baseURL} ${config.api} ${config.model}`),
    send,
  };
}

function asEndpointError(
  e: unknown,
  o: { silentSeconds: number | undefined; began: boolean; where: string },
): EndpointError {
  if (e instanceof EndpointError) return e;
  const cause = e as Error;
  if (o.silentSeconds !== undefined || e instanceof APIConnectionTimeoutError)
    return new EndpointError("timeout", `${o.where} said nothing for ${o.silentSeconds} s`, {
      cause,
    });
  if (e instanceof APIConnectionError)
    return new EndpointError(
      o.began ? "broken_stream" : "unreachable",
      `${o.where}: ${reasonOf(cause)}`,
      { cause },
    );
  if (e instanceof APIError) {
    const status = e.status as number | undefined;
    const said = e.headers?.get("x-should-retry");
    return new EndpointError(
      status === undefined ? kindOfStreamed(e) : kindOf(status, e.code, e.message),
      `${o.where}: ${e.message}`,
      {
        cause,
        retryAfterMs: retryAfterMs(e.headers, Date.now()),
        shouldRetry: said === "true" ? true : said === "false" ? false : undefined,
      },
    );
  }
  if (e instanceof z.ZodError || e instanceof SyntaxError)
    return new EndpointError("bad_reply", `${o.where}: ${oneLine(e)}`, { cause });
  return new EndpointError("broken_stream", `${o.where}: ${reasonOf(cause)}`, { cause });
}
/** An error event inside a stream has no status. */
const kindOfStreamed = (e: APIError) =>
  /rate_limit/.test(e.code ?? "") ? "rate_limited" : ("broken_stream" as const);
const oneLine = (e: z.ZodError | SyntaxError): string =>
  e instanceof z.ZodError
    ? e.issues.map((i) => `${i.path.join(".") || "reply"}: ${i.message}`).join("; ")
    : `not JSON (${e.message})`;
/** "fetch failed" says nothing; its cause does. */
const reasonOf = (e: Error): string => {
  const inner = e.cause instanceof Error ? reasonOf(e.cause) : "";
  return inner && !e.message.includes(inner) ? inner : e.message;
};
