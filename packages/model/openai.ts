/**
 * An OpenAI-compatible endpoint through the official client: chat or completions, streamed or not. The client's own
 * retries are off (its wait cannot be aborted, and a broken stream is not among what it retries); its timeout ends at
 * the headers, so silence is timed here. Every reply is parsed: what compatible servers leave out is known to differ.
 */
import OpenAI, { APIConnectionError, APIConnectionTimeoutError, APIError } from "openai";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { OpenAIModel } from "./config.ts";
import {
  type Completion,
  type Endpoint,
  EndpointError,
  type Request,
  type SendOptions,
  type TokenLogprob,
} from "./endpoint.ts";
import { endOf, isErrorKind, kindOf, retryAfterMs } from "./errors.ts";
import {
  callsTools,
  choiceOf,
  Failure,
  logprobsOf,
  refusalOf,
  Reply,
  textOf,
  usageOf,
} from "./reply.ts";
import { isStrict } from "./structured.ts";

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

/** Aborts when nothing was heard for `silentMs`, or when it all takes longer than `wholeMs`. */
function watch(o: { silentMs: number; wholeMs: number }) {
  const over = new AbortController();
  let why: "silent" | "long" | undefined;
  const end = (reason: "silent" | "long") => () => {
    why ??= reason;
    over.abort();
  };
  const silent = setTimeout(end("silent"), o.silentMs);
  const long = setTimeout(end("long"), Math.min(o.wholeMs, 2 ** 31 - 1));
  return {
    signal: over.signal,
    why: () => why,
    heard: () => void silent.refresh(),
    /** the rest of it is not wanted */
    stop: () => {
      clearTimeout(silent);
      clearTimeout(long);
      over.abort();
    },
  };
}

/** What comes back is read at most so far, compressed or not; a text has no business being longer. */
const REPLY_BYTES = 64 * 2 ** 20;
/** The longest tokens of today's vocabularies are runs of 128 spaces: more text than this is not `maxTokens` of them. */
const TOKEN_CHARACTERS = 200;
/** After its end a stream still has its usage to say. */
const GRACE_MS = 2000;

/** Fetch that reads no more than REPLY_BYTES, and does not carry the key to where a redirect leads. */
const boundedFetch: typeof fetch = async (url, init) => {
  const response = await fetch(url, { ...init, redirect: "manual" });
  if (response.status >= 300 && response.status < 400)
    throw new EndpointError(
      "refused",
      `it redirects (${response.status}) to ${response.headers.get("location") ?? "nowhere"}: give that as baseURL`,
    );
  if (!response.body) return response;
  let bytes = 0;
  const counted = response.body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        bytes += chunk.byteLength;
        if (bytes > REPLY_BYTES)
          controller.error(
            new EndpointError("endless", `the reply has more than ${REPLY_BYTES / 2 ** 20} MB`),
          );
        else controller.enqueue(chunk);
      },
    }),
  );
  const { status, statusText, headers } = response;
  return new Response(counted, { status, statusText, headers });
};

export function openaiEndpoint(config: OpenAIModel, apiKey: string): Endpoint {
  const timeoutMs = Math.ceil(config.timeoutSeconds * 1000);
  const { host: where, origin, pathname, searchParams } = new URL(config.baseURL);
  const client = new OpenAI({
    baseURL: origin + pathname,
    defaultQuery: Object.fromEntries(searchParams),
    apiKey,
    organization: null,
    project: null,
    maxRetries: 0,
    timeout: timeoutMs,
    logLevel: "off",
    fetch: boundedFetch,
  });
  const path = config.api === "chat" ? "/chat/completions" : "/completions";
  const structured = config.structured ?? (config.api === "chat" ? "json_schema" : "prompt");

  const send = async (request: Request, o: SendOptions): Promise<Completion> => {
    const stream = o.onText !== undefined;
    const clock = watch({ silentMs: timeoutMs, wholeMs: config.replySeconds * 1000 });
    const signal = AbortSignal.any([o.signal, clock.signal]);
    const options = {
      body: bodyOf(config, request, stream),
      signal,
      headers: o.key === undefined ? {} : { "idempotency-key": o.key },
    };
    const most = (request.maxTokens ?? Infinity) * TOKEN_CHARACTERS + 10_000;
    let began = false;
    let [text, refusal, finish, model] = ["", "", "", config.model];
    let tools = false;
    let told: unknown;
    const logprobs: TokenLogprob[] = [];
    const usage = () => usageOf(told, request.messages, text);
    const take = (raw: unknown) => {
      clock.heard();
      began = true;
      const failure = Failure.safeParse(raw).data?.error; // some say it under status 200
      if (failure)
        throw new EndpointError(
          kindOf(Number(failure.code) || 500, String(failure.code ?? ""), failure.message),
          `${where}: ${failure.message}`,
        );
      const part = Reply.parse(raw);
      model = part.model || model;
      told = part.usage ?? told;
      const choice = choiceOf(part);
      if (!choice) return;
      const delta = textOf(choice);
      text += delta;
      refusal += refusalOf(choice);
      tools ||= callsTools(choice);
      finish = choice.finish_reason ?? finish;
      if (text.length > most)
        throw new EndpointError(
          "endless",
          `${where} wrote ${text.length} characters and goes on, where maxTokens is ${request.maxTokens}`,
          { usage: usage() },
        );
      if (request.logprobs) logprobs.push(...logprobsOf(choice));
      if (delta) o.onText?.(delta);
    };
    try {
      if (stream)
        await readStream(
          await client.post<AsyncIterable<unknown>>(path, { ...options, stream: true }),
          take,
          { ended: () => finish !== "", whole: () => told !== undefined && told !== null },
        );
      else {
        const said = await client.post<unknown>(path, options);
        // without a JSON content type the client gives the text as it came
        const whole: unknown = typeof said === "string" ? JSON.parse(said) : said;
        take(whole);
        if (!Reply.parse(whole).choices.length)
          throw new EndpointError("bad_reply", `${where}: the reply has no choices`);
        finish ||= "stop";
      }
      // the client ends an aborted stream in silence, and one that the server cuts off as well
      signal.throwIfAborted();
      if (!finish)
        throw new EndpointError(
          "broken_stream",
          `the reply broke off after ${text.length} characters`,
        );
      const end = refusal ? "declined" : tools ? "tool_call" : endOf(finish);
      if (isErrorKind(end))
        throw new EndpointError(end, notAnAnswer(where, end, refusal || text, finish), {
          usage: usage(),
        });
      if (request.logprobs && text !== "" && !logprobs.length)
        throw new EndpointError(
          "no_logprobs",
          `${where} answered without the log-probs asked for`,
          {
            usage: usage(),
          },
        );
      return {
        text: storable(text),
        finish: end,
        model,
        usage: usage(),
        logprobs: request.logprobs ? logprobs : null,
      };
    } catch (e) {
      o.signal.throwIfAborted();
      const why = clock.why();
      const late = {
        silent: `${where} said nothing for ${config.timeoutSeconds} s`,
        long: `${where} still wrote after ${config.replySeconds} s`,
      };
      throw asEndpointError(e, { late: why && late[why], began, where });
    } finally {
      clock.stop();
    }
  };
  return {
    structured,
    identity: () => Promise.resolve(`${config.baseURL} ${config.api} ${config.model}`),
    send,
  };
}

/** Reads until the reply is whole: some servers leave the connection open behind it. */
async function readStream(
  stream: AsyncIterable<unknown>,
  take: (part: unknown) => void,
  o: { ended: () => boolean; whole: () => boolean },
): Promise<void> {
  const parts = stream[Symbol.asyncIterator]();
  let grace: Promise<undefined> | undefined;
  while (!(o.ended() && o.whole())) {
    if (o.ended()) grace ??= sleep(GRACE_MS, undefined, { ref: false });
    const next = parts.next();
    next.catch(() => {}); // one that is no longer waited for
    const part = await (grace ? Promise.race([next, grace]) : next);
    if (!part || part.done) return;
    take(part.value);
  }
}

/** Postgres keeps neither NUL nor halves of a surrogate pair: the sign for a character that is not one stands for them. */
const storable = (text: string): string => text.toWellFormed().replaceAll("\0", "\ufffd");

const notAnAnswer = (where: string, kind: string, said: string, finish: string): string => {
  const words = said ? `: ${JSON.stringify(said.slice(0, 200))}` : "";
  const what: Record<string, string> = {
    declined: "declined to answer",
    filtered: "ended the reply by its content filter",
    tool_call: "called a tool in place of an answer",
  };
  return `${where} ${what[kind] ?? `broke off (${finish})`}${words}`;
};

function asEndpointError(
  e: unknown,
  o: { late: string | undefined; began: boolean; where: string },
): EndpointError {
  const own = [e, (e as Error).cause].find((x) => x instanceof EndpointError);
  if (own) return own;
  const cause = e as Error;
  if (o.late !== undefined || e instanceof APIConnectionTimeoutError)
    return new EndpointError("timeout", o.late ?? `${o.where}: ${cause.message}`, { cause });
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
