/**
 * One client for every language model. A call goes: cache, calls that are the same and under way, a turn in the
 * model's queue, the request with its retries, the parse of the answer with its repairs, the account.
 * Retries are at this layer only; each further attempt waits its turn like a new request.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { z } from "zod";
import {
  messageText,
  type ModelState,
  type ModelUse,
  type Prompt,
  TillerError,
} from "@tiller/schema";
import type { Db } from "@tiller/store";
import { cachedReply, contentKey, countHit, keepReply, type Recorded } from "./cache.ts";
import { ModelConfig, type ModelsConfig } from "./config.ts";
import {
  type Completion,
  type Endpoint,
  EndpointError,
  type Message,
  promptEstimate,
  type Request,
  type TokenLogprob,
  type Usage,
} from "./endpoint.ts";
import { backoffMs, type ErrorKind, errorKinds } from "./errors.ts";
import { Limiter } from "./limiter.ts";
import { type Engine, localEndpoint } from "./local.ts";
import { openaiEndpoint } from "./openai.ts";
import { type SharedRate, sharedRate } from "./shared-rate.ts";
import { stateTeller } from "./states.ts";
import { repairTurn, type Shape, shapeOf, withInstruction } from "./structured.ts";
import { useLog } from "./use.ts";

export interface CallOptions<T> {
  /** the answer's shape; without one the value is the text */
  readonly output?: z.ZodType<T> | undefined;
  readonly temperature?: number | undefined;
  readonly topP?: number | undefined;
  readonly maxTokens?: number | undefined;
  readonly stop?: readonly string[] | undefined;
  readonly seed?: number | undefined;
  /** which of several draws for one question this is, from 0: it moves a seed that the model's defaults name */
  readonly sample?: number | undefined;
  readonly logprobs?: boolean | undefined;
  /** true: keep the reply, also one that was drawn or cut off; false: ask in any case */
  readonly cache?: boolean | undefined;
  /** the same key and content again, after a crash say, is the same call: its reply is kept, whatever the temperature */
  readonly key?: string | undefined;
  /** what is left to use up; a request that could go over it is not sent */
  readonly budget?: { readonly money?: number | undefined; readonly tokens?: number | undefined };
  readonly signal?: AbortSignal | undefined;
  /** `text` is all of this attempt so far; a broken stream or a repair starts it anew */
  readonly onText?: ((delta: string, text: string) => void) | undefined;
}

export interface Reply<T> {
  readonly text: string;
  readonly value: T;
  /** what answered: the endpoint's name for the model, or the checkpoint's id */
  readonly model: string;
  /** used up by this call, repairs included; 0 where the reply was cached, like the cost */
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** US dollars */
  readonly cost: number;
  /** tokens were counted from lengths: the endpoint told no usage */
  readonly estimated: boolean;
  readonly cached: boolean;
  readonly repairs: number;
  readonly attempts: number;
  readonly ms: number;
  readonly logprobs: readonly TokenLogprob[] | null;
  readonly finish: string;
}

/** A call that came to nothing, and what it used up nevertheless. */
export class ModelError extends TillerError {
  readonly model: string;
  readonly used: Used;
  /** of an answer that could not be parsed */
  readonly text: string | undefined;
  readonly issues: readonly string[];
  constructor(
    code: string,
    message: string,
    o: ErrorOptions & { model: string; used: Used; text?: string; issues?: readonly string[] },
  ) {
    super(code, message, o);
    this.model = o.model;
    this.used = o.used;
    this.text = o.text;
    this.issues = o.issues ?? [];
  }
}
export interface Used {
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly cost: number;
  readonly attempts: number;
}

/** What asks models: it is none itself, and one client asks all of them. */
export interface ModelClient {
  /** Names in models.json; registered checkpoints can be called by their names as well. */
  names(): string[];
  states(): ModelState[];
  /** refuses a name that no model has, with the names there are */
  mustKnow(name: string): Promise<void>;
  /** What answers by this name now: a checkpoint's id, or an endpoint's own name for its model. */
  standsFor(name: string): Promise<string>;
  call<T = string>(name: string, prompt: Prompt, o?: CallOptions<T>): Promise<Reply<T>>;
}

interface Model {
  readonly name: string;
  readonly config: ModelConfig;
  readonly endpoint: Endpoint;
  readonly limiter: Limiter;
  /** with all other processes on the database; absent where it has no limit */
  readonly shared: SharedRate | undefined;
}

const NONE: Used = { promptTokens: 0, completionTokens: 0, cost: 0, attempts: 0 };
const UNUSED: Omit<ModelUse, "model" | "seconds"> = {
  ...NONE,
  calls: 1,
  hits: 0,
  failed: 0,
  repairs: 0,
  saved: 0,
};
const never = new AbortController().signal;

export function openModelClient(o: {
  config: ModelsConfig;
  /** without one nothing is cached or counted */
  db?: Db | undefined;
  engine?: Engine | undefined;
  env?: NodeJS.ProcessEnv | undefined;
  now?: (() => number) | undefined;
  random?: (() => number) | undefined;
}): ModelClient {
  const { db, engine, env = process.env, now = Date.now, random = Math.random } = o;
  const log = db && useLog(db);
  const models = new Map<string, Model>();
  const tell =
    db && stateTeller(db, () => new Map([...models].map(([n, m]) => [n, m.limiter.state()])));
  /** calls under way by content, each a promise of its reply */
  const underWay = new Map<string, Promise<Recorded>>();

  async function configOf(name: string): Promise<ModelConfig> {
    const config = Object.hasOwn(o.config, name) ? o.config[name] : undefined;
    if (config) return config;
    if (await engine?.resolve(name)) return ModelConfig.parse({ kind: "local", checkpoint: name });
    const known = [...Object.keys(o.config), ...((await engine?.names()) ?? [])];
    throw new TillerError(
      "unknown_model",
      `there is no model ${name}. There are: ${[...new Set(known)].join(", ") || "none"}. Add it to models.json, or register a checkpoint by that name (tiller model register).`,
    );
  }

  /** The model of this name, made at its first call. */
  async function modelOf(name: string): Promise<Model> {
    const old = models.get(name);
    if (old) return old;
    const config = await configOf(name);
    const made = {
      name,
      config,
      endpoint: endpointOf(name, config, { engine, env }),
      limiter: new Limiter({ ...config, now }),
      shared: db && config.kind === "openai" ? sharedRate(db, name, config) : undefined,
    };
    // another call may have made it meanwhile: one limiter a model
    if (!models.has(name)) models.set(name, made);
    return models.get(name)!;
  }

  async function call<T>(name: string, prompt: Prompt, c: CallOptions<T> = {}): Promise<Reply<T>> {
    const began = now();
    const signal = c.signal ?? never;
    signal.throwIfAborted();
    const model = await modelOf(name);
    const shape = c.output && shapeOf(c.output);
    const request = requestOf(model, prompt, c, shape);
    const keys = await keysOf(model, request, shape, c, signal);
    const parsed = (reply: Recorded) =>
      shape ? shape.parse(reply.text, cutOff(reply)) : { value: reply.text as T };
    const used = async (u: Partial<ModelUse>) => {
      await log?.({ ...UNUSED, seconds: (now() - began) / 1000, ...u, model: name });
    };
    /** A kept reply as this call's; undefined where its schema has become stricter since: then it is asked for again. */
    const fromCache = async (reply: Recorded): Promise<Reply<T> | undefined> => {
      const read = await parsed(reply);
      if (!("value" in read)) return undefined;
      c.onText?.(reply.text, reply.text);
      await used({ hits: 1, saved: reply.cost });
      const free = { promptTokens: 0, completionTokens: 0, cost: 0, ms: now() - began };
      return { ...reply, ...free, value: read.value, cached: true };
    };

    /** The reply by asking: it is kept and accounted for. */
    const ask = async (o: { replace: boolean }): Promise<Recorded & { value: T }> => {
      const asked: { used: Used } = { used: NONE };
      try {
        const { value, ...reply } = await answer(model, request, shape, { ...c, signal }, asked);
        const recorded = { ...reply, ms: now() - began };
        const kept = reply.finish !== "length" || c.cache === true || keys?.drawn === true;
        if (db && keys && kept)
          await keepReply(db, { ...keys, model: name, reply: recorded, replace: o.replace });
        await used(recorded);
        return { ...recorded, value };
      } catch (e) {
        await used({ failed: 1, ...asked.used });
        throw e;
      }
    };
    const fresh = async (o: { replace: boolean }): Promise<Reply<T>> => ({
      ...(await ask(o)),
      cached: false,
    });
    if (!keys) return fresh({ replace: false });

    for (let leader = underWay.get(keys.key); leader; leader = underWay.get(keys.key)) {
      const outcome = await until(leader, signal);
      if (outcome) {
        if (db) await countHit(db, keys.key);
        return (await fromCache(outcome.reply)) ?? fresh({ replace: true });
      }
      // it was aborted: whoever waited first asks in its place
    }
    let whole: Reply<T> | undefined;
    const leading = (async () => {
      const hit = db && (await cachedReply(db, keys.key));
      whole = hit && (await fromCache(hit));
      if (hit && whole) return hit;
      const { value, ...recorded } = await ask({ replace: hit !== undefined });
      whole = { ...recorded, value, cached: false };
      return recorded;
    })();
    underWay.set(keys.key, leading);
    await leading.finally(() => underWay.delete(keys.key));
    return whole!;
  }

  /** Turns until the answer parses. */
  async function answer<T>(
    model: Model,
    request: Request,
    shape: Shape<T> | undefined,
    c: CallOptions<T> & { signal: AbortSignal },
    asked: { used: Used },
  ): Promise<Omit<Recorded, "ms"> & { value: T }> {
    let messages = request.messages;
    let estimated = false;
    for (let repairs = 0; ; repairs++) {
      // a repair is another request: it gets a key of its own
      const key = c.key === undefined ? undefined : contentKey([c.key, repairs]);
      const done = await attempts(model, { ...request, messages }, { ...c, key }, asked);
      estimated ||= done.usage.estimated;
      if (!shape && !done.text && saysSomething(model.config))
        throw failed(
          model,
          new EndpointError("empty", `the reply is empty (finish_reason ${done.finish})`),
          1,
          asked.used,
        );
      const parsed = shape ? await shape.parse(done.text, cutOff(done)) : { value: done.text as T };
      if ("value" in parsed) {
        const { text, finish, logprobs, model: by } = done;
        const kept = logprobs && [...logprobs];
        const reply = { text, finish, model: by, estimated, repairs, logprobs: kept };
        return { ...reply, ...asked.used, value: parsed.value };
      }
      const { issues } = parsed;
      if (repairs >= model.config.repairs)
        throw new ModelError(
          "bad_output",
          `${model.name} gave no usable answer in ${repairs + 1} turns: ${issues.slice(0, 3).join("; ")}. ` +
            `It said: ${JSON.stringify(done.text.slice(0, 200))}. ${done.finish === "length" ? "Raise maxTokens" : "Ask more plainly, or choose a stronger model"}.`,
          { model: model.name, used: asked.used, text: done.text, issues },
        );
      messages = [
        ...messages,
        { role: "assistant", content: done.text || "(nothing)" },
        {
          role: "user",
          content: repairTurn({ issues, ...cutOff(done), schema: told(model, shape!) }),
        },
      ];
    }
  }

  /** One completion: attempts, each in its turn, until one comes through. */
  async function attempts(
    model: Model,
    request: Request,
    c: CallOptions<unknown> & { signal: AbortSignal },
    asked: { used: Used },
  ): Promise<Completion> {
    const { config, endpoint, limiter, shared } = model;
    const promptTokens = promptEstimate(request.messages);
    const tokens = promptTokens + (request.maxTokens ?? 0);
    for (let attempt = 1; ; attempt++) {
      withinBudget(model, { promptTokens, maxTokens: request.maxTokens ?? 0 }, c, asked.used);
      tell?.();
      const place = await limiter.acquire({ tokens, signal: c.signal, again: attempt > 1 });
      try {
        await shared?.take(tokens, c.signal);
      } catch (e) {
        place.done();
        throw e;
      }
      asked.used = { ...asked.used, attempts: asked.used.attempts + 1 };
      const pay = (u: Usage) => {
        place.done(u.promptTokens + u.completionTokens);
        asked.used = {
          ...asked.used,
          promptTokens: asked.used.promptTokens + u.promptTokens,
          completionTokens: asked.used.completionTokens + u.completionTokens,
          cost: asked.used.cost + costOf(config, u),
        };
      };
      let text = "";
      try {
        const done = await endpoint.send(request, {
          signal: c.signal,
          key: c.key,
          ...(c.onText && {
            onText: (delta: string) => c.onText?.(delta, (text += delta)),
          }),
        });
        pay(done.usage);
        await shared?.settle(done.usage.promptTokens + done.usage.completionTokens - tokens);
        return done;
      } catch (e) {
        if (!(e instanceof EndpointError)) throw e;
        if (e.usage) pay(e.usage);
        const retry = e.shouldRetry ?? errorKinds[e.kind].retry;
        const wait = backoffMs(attempt, e.retryAfterMs, random());
        if (e.kind === "rate_limited") {
          limiter.slowDown(wait);
          await shared?.pause(wait);
        }
        const patient = (e.retryAfterMs ?? 0) <= config.patienceSeconds * 1000;
        if (!retry || !patient || attempt >= config.attempts)
          throw failed(model, e, attempt, asked.used);
        place.done();
        await sleep(wait, undefined, { signal: c.signal }).catch(() => c.signal.throwIfAborted());
      } finally {
        place.done();
      }
    }
  }

  return {
    call,
    names: () => Object.keys(o.config),
    mustKnow: async (name) => void (await configOf(name)),
    standsFor: async (name) => {
      const { config, endpoint } = await modelOf(name);
      return config.kind === "openai"
        ? config.model
        : (await endpoint.identity(never)).split(" ")[1]!; // checkpoint ID API
    },
    states: () =>
      Object.entries(o.config).map(([name, config]) => ({
        name,
        kind: config.kind,
        at: placeOf(config),
        ...(models.get(name)?.limiter.state() ?? {
          running: 0,
          waiting: 0,
          places: config.concurrency,
          pausedMs: 0,
        }),
      })),
  };
}

const cutOff = (r: { finish: string }) => ({ cutOff: r.finish === "length" });

const placeOf = (c: ModelConfig): string =>
  c.kind === "local" ? `checkpoint ${c.checkpoint}` : `${c.model} at ${c.baseURL} (${c.api})`;

function endpointOf(
  name: string,
  config: ModelConfig,
  o: { engine: Engine | undefined; env: NodeJS.ProcessEnv },
): Endpoint {
  if (config.kind === "local") {
    if (o.engine) return localEndpoint(config, o.engine);
    throw new TillerError(
      "no_engine",
      `model ${name} is a checkpoint, and nothing here can run it. Call it through the server.`,
    );
  }
  const key = config.apiKeyEnv === undefined ? "none" : o.env[config.apiKeyEnv];
  if (!key)
    throw new TillerError(
      "no_key",
      `model ${name} needs a key: set the environment variable ${config.apiKeyEnv} and start again.`,
    );
  return openaiEndpoint(config, key);
}

/** The schema as the model reads it: in words alone any value can be asked for, elsewhere only objects. */
const told = (model: Model, shape: Shape<unknown>) =>
  model.endpoint.structured === "prompt" ? shape.bare : shape.schema;

function requestOf(
  model: Model,
  prompt: Prompt,
  c: CallOptions<unknown>,
  shape: Shape<unknown> | undefined,
): Request {
  const { defaults, contextTokens } = model.config;
  const { structured } = model.endpoint;
  const plain = prompt.messages.map((m): Message => ({ role: m.role, content: messageText(m) }));
  const messages =
    shape && structured !== "json_schema" ? withInstruction(plain, told(model, shape)) : plain;
  const maxTokens = c.maxTokens ?? defaults.maxTokens;
  // a token is seldom more than eight bytes: what does not fit even so is not sent
  const least = messages.reduce((n, m) => n + Buffer.byteLength(m.content) / 8, maxTokens ?? 1);
  if (contextTokens !== undefined && least > contextTokens)
    throw new TillerError(
      "too_long",
      `at least ${Math.ceil(least)} tokens of prompt and reply exceed the ${contextTokens} of ${model.name}. ${errorKinds.too_long.remedy}.`,
    );
  return {
    messages,
    temperature: c.temperature ?? defaults.temperature,
    topP: c.topP ?? defaults.topP,
    maxTokens,
    stop: c.stop ?? defaults.stop,
    seed: c.seed ?? (defaults.seed === undefined ? undefined : defaults.seed + (c.sample ?? 0)),
    logprobs: c.logprobs ?? false,
    schema: structured === "prompt" ? undefined : shape?.schema,
  };
}

/**
 * The content's hash, where the call may be answered from the cache: it is the same each time (temperature 0 or a
 * seed), the caller wants it kept, or it has a key of its own. `drawn`: only the key makes it the same call.
 */
async function keysOf(
  model: Model,
  request: Request,
  shape: Shape<unknown> | undefined,
  c: CallOptions<unknown>,
  signal: AbortSignal,
): Promise<{ key: string; request: unknown; drawn: boolean } | undefined> {
  const same = c.cache === true || request.temperature === 0 || request.seed !== undefined;
  if (c.cache === false || (!same && c.key === undefined)) return undefined;
  const extra = model.config.kind === "openai" ? model.config.extra : {};
  const content = {
    at: await model.endpoint.identity(signal),
    ...request,
    shape: shape?.bare,
    extra,
    ...(!same && { key: c.key }),
  };
  return { key: contentKey(content), request: content, drawn: !same };
}

/** US dollars; what the endpoint had kept of the prompt at its own price. */
function costOf(config: ModelConfig, u: Omit<Usage, "estimated">): number {
  if (config.kind === "local") return 0;
  const { prompt, completion, cached = prompt } = config.price;
  const anew = u.promptTokens - u.cachedTokens;
  return (anew * prompt + u.cachedTokens * cached + u.completionTokens * completion) / 1e6;
}

/** Whether an empty reply is a fault: a chat has something to say; a completion may end where it begins. */
const saysSomething = (config: ModelConfig): boolean =>
  config.kind === "openai" && config.api === "chat";

function withinBudget(
  model: Model,
  next: { promptTokens: number; maxTokens: number },
  c: CallOptions<unknown>,
  used: Used,
): void {
  const { money = Infinity, tokens = Infinity } = c.budget ?? {};
  const usedTokens = used.promptTokens + used.completionTokens;
  const over = (what: string) =>
    new ModelError(
      "over_budget",
      `a call of ${model.name} could use ${what} left. Raise the budget, or ask for less.`,
      { model: model.name, used },
    );
  const nextTokens = next.promptTokens + next.maxTokens;
  if (nextTokens > tokens - usedTokens)
    throw over(`${nextTokens} tokens of the ${Math.max(0, tokens - usedTokens)}`);
  const most = { ...next, completionTokens: next.maxTokens, cachedTokens: 0 };
  const cost = costOf(model.config, most);
  if (cost > money - used.cost)
    throw over(`$${cost.toPrecision(3)} of the $${Math.max(0, money - used.cost).toPrecision(3)}`);
}

function failed(model: Model, e: EndpointError, attempt: number, used: Used): ModelError {
  const kind: ErrorKind = e.kind;
  const key = (model.config.kind === "openai" && model.config.apiKeyEnv) || "its key";
  const remedy = errorKinds[kind].remedy.replace("{name}", model.name).replace("{key}", key);
  const wait =
    e.retryAfterMs === undefined
      ? ""
      : ` It may be asked again in ${Math.ceil(e.retryAfterMs / 1000)} s.`;
  const times = attempt === 1 ? "" : ` after ${attempt} attempts`;
  return new ModelError(
    `model_${kind}`,
    `${model.name} failed${times}: ${e.message.replace(/\.$/, "")}.${wait} ${remedy}.`,
    { model: model.name, used, cause: e },
  );
}

/** The leader's reply; undefined where the leader was aborted; rejects as it does, or when `signal` aborts. */
async function until(
  leader: Promise<Recorded>,
  signal: AbortSignal,
): Promise<{ reply: Recorded } | undefined> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const cancel = () => reject(signal.reason as Error);
  signal.addEventListener("abort", cancel, { once: true });
  try {
    signal.throwIfAborted();
    return { reply: await Promise.race([leader, aborted]) };
  } catch (e) {
    signal.throwIfAborted();
    if (e instanceof TillerError) throw e;
    return undefined;
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}
