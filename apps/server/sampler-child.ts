/**
 * The child process behind SamplerPool: loads a checkpoint once, and answers what waits for it in batches. A batch
 * takes requests of one checkpoint, temperature and nucleus; each row has its own generator, length and stop words.
 * Between two steps the messages are read, so that a request can be cancelled and others can gather.
 */
import { setImmediate, setTimeout } from "node:timers/promises";
import { z } from "zod";
import { loadModel, type Model } from "@tiller/learn";
import {
  askedBits,
  type ChatTemplate,
  encodePrompt,
  endTokens,
  loadChatTemplate,
  parameterCount,
  plainChat,
  plainChatStop,
  Sampler,
} from "@tiller/lm";
import { Bug, rng, TillerError } from "@tiller/schema";
import { GenerateRequest, type Part } from "./sampler.ts";

const Inbox = z.union([
  z.strictObject({ cancel: z.int() }),
  GenerateRequest.extend({ request: z.int() }),
]);
type Waiting = GenerateRequest & { readonly request: number };

const MODELS = 4; // kept loaded
const BATCHES = [16, 4, 1]; // sizes that programs are made for
const FROZEN_BYTES = 100e6;
const CACHE_BYTES = 512e6; // keys and values of one batch
const GATHER_MS = 2; // how long the first of a batch waits for others

interface Held {
  readonly model: Model;
  readonly chat: ChatTemplate | undefined;
  readonly ends: ReadonlySet<number>;
  readonly samplers: Map<number, Sampler>;
}
const models = new Map<string, Held>();
const waiting: Waiting[] = [];
const cancelled = new Set<number>();
let running: ReadonlySet<number> = new Set();
let busy = false;
const send = (p: Part) => process.send?.(p);
process.on("disconnect", () => process.exit(0));

process.on("message", (raw) => {
  const m = Inbox.parse(raw);
  if ("cancel" in m) {
    const at = waiting.findIndex((w) => w.request === m.cancel);
    if (at >= 0) waiting.splice(at, 1);
    else if (running.has(m.cancel)) cancelled.add(m.cancel);
    return;
  }
  waiting.push(m);
  if (!busy) void work();
});

async function work(): Promise<void> {
  busy = true;
  await setTimeout(GATHER_MS);
  while (waiting.length) {
    const batch = takeBatch();
    running = new Set(batch.map((w) => w.request));
    try {
      await answer(batch);
    } catch (e) {
      for (const w of batch) if (!waiting.includes(w)) refuse(w, e);
    }
    for (const w of batch) cancelled.delete(w.request);
    running = new Set();
    await setImmediate();
  }
  busy = false;
}

const refuse = (w: Waiting, e: unknown) =>
  send({
    request: w.request,
    text: "",
    error: {
      code: e instanceof TillerError ? e.code : "server_error",
      message: (e as Error).message,
    },
  });

/** The oldest request and those after it that can run beside it. */
function takeBatch(): Waiting[] {
  const [first] = waiting;
  const alike = waiting.filter(
    (w) => w.path === first.path && w.temperature === first.temperature && w.topP === first.topP,
  );
  const batch = alike.slice(0, BATCHES[0]);
  for (const w of batch) waiting.splice(waiting.indexOf(w), 1);
  return batch;
}

async function held(path: string): Promise<Held> {
  const old = models.get(path);
  if (old) {
    models.delete(path); // the last used stands last
    models.set(path, old);
    return old;
  }
  const model = await loadModel(path);
  const made: Held = {
    model,
    chat: await loadChatTemplate(path),
    ends: await endTokens(path, model.tokenizer.eos),
    samplers: new Map(),
  };
  models.set(path, made);
  if (models.size > MODELS) {
    const [oldest, { samplers }] = models.entries().next().value!;
    for (const sampler of samplers.values()) sampler[Symbol.dispose]();
    models.delete(oldest);
  }
  return made;
}

/** The smallest sampler that takes `rows`; a large model's keys and values bound it. */
function samplerFor({ model, samplers }: Held, rows: number): Sampler {
  const { layers, kvHeads, headDim, positions } = model.shape;
  const bytesARow = 8 * layers * kvHeads * headDim * Math.min(positions, 2048);
  const fit = BATCHES.filter((b) => b === 1 || b * bytesARow <= CACHE_BYTES);
  const size = fit.findLast((b) => b >= rows) ?? fit[0];
  let sampler = samplers.get(size);
  if (!sampler) {
    // a copy of the weights a size, where that is little
    const frozen = 4 * parameterCount(model.specs) < FROZEN_BYTES;
    sampler = new Sampler(model.shape, model.state, size, { frozen, bits: askedBits() });
    samplers.set(size, sampler);
  }
  return sampler;
}

/** A request's prompt as tokens, and what stops it. */
function prepared(h: Held, w: Waiting, context: number): { prompt: number[]; stop: string[] } {
  const { tokenizer } = h.model;
  const words = typeof w.prompt === "string" ? w.prompt : plainChat(w.prompt);
  const prompt =
    typeof w.prompt !== "string" && h.chat
      ? h.chat.encode(w.prompt, tokenizer)
      : encodePrompt(tokenizer, words).ids;
  if (!prompt.length) prompt.push(tokenizer.eos);
  if (prompt.length + w.maxTokens > context)
    throw new TillerError(
      "too_long",
      `a prompt of ${prompt.length} tokens and ${w.maxTokens} new ones do not fit in the model's ${context} positions. Shorten the prompt or lower max_tokens.`,
    );
  const plain = typeof w.prompt !== "string" && !h.chat;
  return { prompt, stop: plain ? [...w.stop, plainChatStop] : w.stop };
}

async function answer(batch: Waiting[]): Promise<void> {
  const h = await held(batch[0].path);
  const sampler = samplerFor(h, batch.length);
  if (sampler.batch < batch.length) waiting.unshift(...batch.splice(sampler.batch)); // a large model
  const rows: Row[] = [];
  const later: Waiting[] = [];
  for (const w of batch) {
    try {
      const { prompt, stop } = prepared(h, w, sampler.context);
      const longest = Math.max(prompt.length, ...rows.map((r) => r.prompt.length));
      const most = Math.max(w.maxTokens, ...rows.map((r) => r.asked.maxTokens));
      // the longest prompt and the longest reply of a batch must fit together
      if (longest + most > sampler.context) later.push(w);
      else rows.push(new Row(h, w, { prompt, stop }));
    } catch (e) {
      refuse(w, e);
    }
  }
  waiting.unshift(...later);
  if (!rows.length) return;
  const steps = sampler.steps(
    rows.map((r) => r.prompt),
    {
      maxTokens: Math.max(...rows.map((r) => r.asked.maxTokens)),
      temperature: batch[0].temperature,
      topP: batch[0].topP,
      rngs: rows.map((r) => rng(r.asked.seed, "serve")),
    },
  );
  for (const { tokens, logprobs } of steps) {
    rows.forEach((row, i) => row.step(tokens[i], logprobs[i]));
    await setImmediate(); // what was cancelled, and what else waits
    for (const row of rows) if (cancelled.has(row.asked.request)) row.done = true;
    if (rows.every((row) => row.done)) return;
  }
  if (rows.some((row) => !row.done)) throw new Bug("a batch ended before its rows");
}

/** How many characters at the text's end begin one of the words. */
const beginningOf = (words: readonly string[], text: string): number =>
  Math.max(
    0,
    ...words.map((w) => {
      let n = Math.min(w.length - 1, text.length);
      while (n > 0 && !text.endsWith(w.slice(0, n))) n--;
      return n;
    }),
  );

/** One request of a batch, as far as it has come. */
class Row {
  readonly asked: Waiting;
  readonly prompt: readonly number[];
  done = false;
  readonly #held: Held;
  readonly #stop: readonly string[];
  /** text sent so far, and the log-probs of tokens whose text is not out yet */
  #sent = "";
  #logprobs: number[] = [];
  #first = true;

  constructor(h: Held, asked: Waiting, o: { prompt: readonly number[]; stop: readonly string[] }) {
    this.#held = h;
    this.asked = asked;
    this.prompt = o.prompt;
    this.#stop = o.stop;
  }

  /** All tokens so far; the last one is new. */
  step(tokens: readonly number[], logprobs: readonly number[]): void {
    if (this.done) return;
    const { model, ends } = this.#held;
    const ended = ends.has(tokens.at(-1)!);
    const full = tokens.length >= this.asked.maxTokens;
    let text = model.tokenizer.decode(tokens.filter((t) => !ends.has(t)));
    this.#logprobs.push(logprobs.at(-1)!);
    // a character can span tokens: only whole ones are sent
    if (!ended && !full && text.endsWith("\ufffd")) return;
    const found = this.#stop.map((s) => text.indexOf(s)).filter((i) => i >= 0);
    const stopped = found.length > 0;
    if (stopped) text = text.slice(0, Math.min(...found));
    this.done = ended || stopped || full;
    // what may become a stop word is held back
    if (!this.done) text = text.slice(0, text.length - beginningOf(this.#stop, text));
    if (!this.done && text.length <= this.#sent.length) return;
    send({
      request: this.asked.request,
      text: text.slice(this.#sent.length),
      logprobs: this.#logprobs,
      ...(this.#first && { promptTokens: this.prompt.length }),
      ...(this.done && { finish: ended || stopped ? ("stop" as const) : ("length" as const) }),
    });
    this.#sent = text;
    this.#logprobs = [];
    this.#first = false;
  }
}
