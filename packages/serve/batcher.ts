/**
 * Continuous batching (Yu et al. 2022, Orca): replies join and leave between two steps, so that a short one never waits
 * for a long one. Prompts are read one at a time into a cache of their own, and the keys and values copied to a free row
 * of the cache that steps run on; that has 1, 4 or 16 rows, as many as are needed. What is asked for again is read once.
 */
import { setImmediate, setTimeout } from "node:timers/promises";
import type { Model } from "@tiller/learn/model.ts";
import {
  askedBits,
  checkFinite,
  draw,
  type DrawOptions,
  Grammar,
  type GrammarState,
  jsonGrammar,
  type Logprob,
  parameterCount,
  readLogprobs,
  Sampler,
  TokenBytes,
  TokenGrammar,
} from "@tiller/lm";
import { type Rng, rng, TillerError } from "@tiller/schema";
import { promptTokens, Reply, type Told, type Vocabulary } from "./reply.ts";
import type { Asked, Part } from "./sampler-messages.ts";

const SIZES = [1, 4, 16]; // rows that step programs are made for
const SHORT = 2048; // positions of the caches that most replies fit in
const FROZEN_BYTES = 100e6;
const CACHE_BYTES = 512e6; // keys and values of several rows
const LONG_BYTES = 2e9; // of one long row
const GATHER_MS = 2; // how long the first request waits for others
const SHAPES = 8; // of replies that are remembered
const SHAPE_STATES = 20_000; // a shape that texts have led to more of begins anew
const READ_MS = 50; // how long prompts are read before those that write go on

/** Positions that a reply can have here: the model's, as far as the cache for them is affordable. */
export function contextOf(shape: Model["shape"]): number {
  const bytes = bytesOf(shape, 1);
  return Math.min(shape.positions, Math.max(8, Math.floor(LONG_BYTES / bytes / 8) * 8));
}
const bytesOf = (s: Model["shape"], positions: number) =>
  8 * s.layers * s.kvHeads * s.headDim * positions;

/** A request with its prompt as token ids. */
export interface Prepared extends Omit<Asked, "prompt"> {
  readonly prompt: readonly number[];
  /** the prompt's own text, where it was one */
  readonly text?: string | undefined;
}

/** One reply under way. */
interface Row {
  readonly asked: Prepared;
  readonly reply: Reply;
  readonly rng: Rng;
  readonly options: DrawOptions;
  readonly seen: { readonly sampled: Map<number, number>; readonly prompt: ReadonlySet<number> };
  /** where the reply must be of a shape: which tokens may come next, and how far it is */
  readonly shape: TokenGrammar | undefined;
  state: GrammarState | undefined;
  /** positions that the whole reply needs */
  readonly needs: number;
  /** tokens whose keys and values are in the cache */
  at: number;
  last: number;
  done: boolean;
}

export class Batcher {
  readonly #model: Model;
  readonly #ends: ReadonlySet<number>;
  readonly #send: (p: Part) => void;
  readonly #samplers = new Map<string, Sampler>();
  readonly #context: number;
  readonly #waiting: Prepared[] = [];
  #rows: (Row | undefined)[] = [];
  #sampler: Sampler | undefined;
  #read:
    | { prompt: readonly number[]; temperature: number; logits: Float32Array; p: Float32Array }
    | undefined;
  /** made for the first reply of a shape */
  #tokens: TokenBytes | undefined;
  readonly #shapes = new Map<string, TokenGrammar>();
  #busy = false;
  /** the request whose prompt is being read */
  #joining: { readonly request: number; cancelled: boolean } | undefined;

  constructor(model: Model, o: { ends: ReadonlySet<number>; send: (p: Part) => void }) {
    this.#model = model;
    this.#ends = o.ends;
    this.#send = o.send;
    this.#context = contextOf(model.shape);
  }

  get #vocabulary(): Vocabulary {
    return this.#model.tokenizer;
  }

  add(asked: Prepared): void {
    this.#check(asked);
    this.#waiting.push(asked);
    if (!this.#busy) void this.#work();
  }

  cancel(request: number): void {
    const at = this.#waiting.findIndex((w) => w.request === request);
    if (at >= 0) this.#waiting.splice(at, 1);
    if (this.#joining?.request === request) this.#joining.cancelled = true;
    for (const row of this.#rows) if (row?.asked.request === request) row.done = true;
  }

  #check({ prompt, maxTokens, capped, bias }: Prepared): void {
    const { vocab, positions } = this.#model.shape;
    const own =
      this.#context < positions ? `; of its ${positions} positions this server keeps as many` : "";
    const least = capped ? Math.min(1, maxTokens) : maxTokens;
    if (prompt.length + least > this.#context)
      throw new TillerError(
        "too_long",
        `This model's maximum context length is ${this.#context} tokens${own}, but ${prompt.length + least} were asked for (${prompt.length} in the prompt, ${least} for the completion). Shorten the prompt or lower max_tokens.`,
      );
    const beyond = [...prompt, ...bias.map(([id]) => id)].find((id) => id < 0 || id >= vocab);
    if (beyond !== undefined)
      throw new TillerError(
        "bad_token",
        `there is no token ${beyond}: this model's ids go from 0 to ${vocab - 1}.`,
      );
  }

  async #work(): Promise<void> {
    this.#busy = true;
    await setTimeout(GATHER_MS);
    while (this.#waiting.length || this.#active().length) {
      const until = performance.now() + READ_MS;
      while (this.#waiting.length && performance.now() < until && (await this.#join()));
      try {
        await this.#step();
        this.#closeUp();
      } catch (e) {
        for (const row of this.#active()) this.#fail(row.asked.request, e);
      }
      this.#rows = this.#rows.map((row) => (row?.done ? undefined : row));
      await setImmediate(); // what was cancelled, and what else waits
    }
    this.#busy = false;
  }
  #active = (): Row[] => this.#rows.filter((row) => row !== undefined && !row.done) as Row[];

  #fail(request: number, e: unknown): void {
    for (const row of this.#rows) if (row?.asked.request === request) row.done = true;
    this.#send({ request, tokens: [], error: errorOf(e) });
  }

  /** The first of those that wait begins, where there is room for it. */
  async #join(): Promise<boolean> {
    const asked = this.#waiting[0];
    const maxTokens = Math.min(asked.maxTokens, this.#context - asked.prompt.length);
    const needs = asked.prompt.length + maxTokens;
    const joining = (this.#joining = { request: asked.request, cancelled: false });
    try {
      if (!this.#makeRoom(needs)) return false;
      this.#waiting.shift();
      const prompt = asked.echo ? await this.#echoed(asked) : undefined;
      const begin: Part = {
        request: asked.request,
        tokens: [],
        promptTokens: asked.prompt.length,
        ...(prompt && { prompt }),
      };
      if (maxTokens === 0) {
        this.#send({ ...begin, finish: "length" });
        return true;
      }
      const { logits, p } = await this.#readPrompt(asked);
      if (joining.cancelled) return true;
      const shape = this.#shapeOf(asked);
      this.#send(begin);
      const row: Row = {
        asked,
        reply: new Reply(this.#vocabulary, { ends: this.#ends, stop: asked.stop, maxTokens }),
        rng: rng(asked.seed, "serve"),
        options: { ...asked, bias: new Map(asked.bias) },
        seen: { sampled: new Map(), prompt: new Set(asked.prompt) },
        shape,
        state: shape?.grammar.start,
        needs,
        at: asked.prompt.length,
        last: 0,
        done: false,
      };
      this.#take(row, logits, p);
      if (row.done) return true;
      const free = this.#rows.findIndex((r) => !r || r.done);
      const place = free < 0 ? this.#rows.length : free;
      this.#sampler!.takeRow(place, this.#reader(), { row: 0, length: asked.prompt.length });
      this.#rows[place] = row;
    } catch (e) {
      if (this.#waiting[0] === asked) this.#waiting.shift();
      this.#fail(asked.request, e);
    } finally {
      this.#joining = undefined;
    }
    return true;
  }

  /** Steps run on a cache that takes one row more, of `needs` positions; false: others have to end first. */
  #makeRoom(needs: number): boolean {
    const active = this.#active();
    const most = Math.max(needs, ...active.map((row) => row.needs));
    const short = Math.min(SHORT, this.#context);
    const context = most <= short ? short : this.#context;
    const bytes = bytesOf(this.#model.shape, context);
    const sizes = SIZES.filter((n) => n === 1 || n * bytes <= CACHE_BYTES);
    const rows = active.length + 1;
    if (sizes.at(-1)! < rows) return false;
    const now = this.#sampler;
    if (now?.context === context && now.batch >= rows && active.length) return true;
    const soon = active.length + this.#waiting.length;
    this.#moveTo(this.#samplerOf(sizes.find((n) => n >= soon) ?? sizes.at(-1)!, context));
    return true;
  }

  /** Few rows go on in a smaller cache, where a step is quicker. */
  #closeUp(): void {
    const rows = this.#active().length;
    const size = SIZES.find((n) => n >= rows);
    if (rows && !this.#waiting.length && size! < this.#sampler!.batch)
      this.#moveTo(this.#samplerOf(size!, this.#sampler!.context));
  }

  /** The active rows' keys and values go along, closely packed. */
  #moveTo(next: Sampler): void {
    const from = this.#sampler;
    if (next === from) return;
    const rows: Row[] = [];
    this.#rows.forEach((row, i) => {
      if (!row || row.done) return;
      next.takeRow(rows.length, from!, { row: i, length: row.at });
      rows.push(row);
    });
    this.#rows = rows;
    this.#sampler = next;
  }

  #samplerOf(size: number, context: number): Sampler {
    const key = `${size} x ${context}`;
    let sampler = this.#samplers.get(key);
    if (!sampler) {
      const { shape, state, specs } = this.#model;
      // a copy of the weights a size, where that is little
      const frozen = 4 * parameterCount(specs) < FROZEN_BYTES;
      sampler = new Sampler(shape, state, size, { frozen, bits: askedBits(), context });
      this.#samplers.set(key, sampler);
    }
    return sampler;
  }
  #reader(): Sampler {
    const { shape, state } = this.#model;
    let reader = this.#samplers.get("reader");
    if (!reader) {
      reader = new Sampler(shape, state, 1, { context: this.#context });
      this.#samplers.set("reader", reader);
    }
    return reader;
  }

  /** What follows the prompt; the reader's row holds its keys and values then. */
  async #readPrompt({ prompt, temperature }: Prepared) {
    const same = this.#read;
    if (
      same?.temperature === temperature &&
      same.prompt.length === prompt.length &&
      same.prompt.every((id, i) => id === prompt[i])
    )
      return same;
    this.#read = undefined;
    const { logits, probabilities } = await this.#reader().read([prompt], [temperature]);
    this.#read = { prompt, temperature, logits: logits.slice(), p: probabilities.slice() };
    return this.#read;
  }

  /** Replies of one shape share what is known of it. */
  #shapeOf({ json }: Prepared): TokenGrammar | undefined {
    if (!json) return undefined;
    const key = JSON.stringify(json);
    const known = this.#shapes.get(key);
    if (known && known.grammar.states < SHAPE_STATES) return known;
    const { tokenizer, shape } = this.#model;
    this.#tokens ??= new TokenBytes(tokenizer);
    const { rules, first } = jsonGrammar(json.schema);
    const made = new TokenGrammar(new Grammar(rules, first), this.#tokens, {
      bytes: (id) => tokenizer.bytes(id),
      ends: this.#ends,
      vocab: shape.vocab,
    });
    this.#shapes.delete(key);
    if (this.#shapes.size >= SHAPES) this.#shapes.delete(this.#shapes.keys().next().value!);
    this.#shapes.set(key, made);
    return made;
  }

  /** The prompt's tokens, each with its log-prob after those before it, where log-probs are asked for. */
  async #echoed({ prompt, logprobs, text }: Prepared) {
    const told: Told[] = [{ id: prompt[0] }];
    if (logprobs === null) for (const id of prompt.slice(1)) told.push({ id });
    else {
      this.#read = undefined; // the reader's row is written over
      for await (const part of this.#reader().everyLogits(prompt))
        for (let i = 0; i < part.rows && part.from + i + 1 < prompt.length; i++)
          told.push(this.#told(part.logits, i, { id: prompt[part.from + i + 1], top: logprobs }));
    }
    return promptTokens(this.#vocabulary, told, text);
  }

  #told(logits: Float32Array, row: number, o: { id: number; top: number | null }): Told {
    if (o.top === null) return { id: o.id };
    const V = this.#model.shape.vocab;
    const read: { logprob: number; top: Logprob[] } = readLogprobs(
      logits.subarray(row * V, (row + 1) * V),
      o.id,
      o.top,
    );
    return { id: o.id, ...read };
  }

  /** A row's next token, from what follows its last one. */
  #take(row: Row, logits: Float32Array, p: Float32Array): void {
    checkFinite(p);
    const { asked, options, seen, shape, state } = row;
    const allowed = state && shape?.mask(state);
    const id = draw(logits, { ...options, allowed, seen, probabilities: p }, row.rng);
    row.state = state && shape?.after(state, id);
    seen.sampled.set(id, (seen.sampled.get(id) ?? 0) + 1);
    row.last = id;
    const { tokens, finish } = row.reply.add(this.#told(logits, 0, { id, top: asked.logprobs }));
    if (tokens.length || finish)
      this.#send({ request: asked.request, tokens, ...(finish && { finish }) });
    row.done = finish !== undefined;
  }

  /** One token of every active row. */
  async #step(): Promise<void> {
    const rows = this.#rows.map((row) => (row?.done ? undefined : row));
    if (!rows.some(Boolean)) return;
    const V = this.#model.shape.vocab;
    const { logits, probabilities } = await this.#sampler!.advance(
      rows.map(
        (row) => row && { token: row.last, at: row.at, temperature: row.options.temperature },
      ),
    );
    rows.forEach((row, i) => {
      if (!row || row.done) return;
      row.at++;
      try {
        const [from, to] = [i * V, (i + 1) * V];
        this.#take(row, logits.subarray(from, to), probabilities.subarray(from, to));
      } catch (e) {
        this.#fail(row.asked.request, e);
      }
    });
  }
}

export const errorOf = (e: unknown): { code: string; message: string } => ({
  code: e instanceof TillerError ? e.code : "server_error",
  message: (e as Error).message,
});
