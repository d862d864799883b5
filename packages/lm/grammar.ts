/**
 * Which bytes may come next: a context-free grammar over bytes, followed by all its parses at once. A parse is a stack of what
 * is still to come; stacks and sets of stacks are made once each (interned), so that the many tokens of a long text cost a
 * look-up each and the mask of a state that comes again is known.
 */
import { TillerError } from "@tiller/schema";

/** Bytes from ... to, both included. */
export type Range = readonly [from: number, to: number];
export type Element = { readonly bytes: readonly Range[] } | { readonly rule: number };
/** A rule's alternatives, each a sequence. A rule may mean itself, but not as the first of its own sequence. */
export type Rules = readonly (readonly (readonly Element[])[])[];

interface Position {
  readonly id: number;
  readonly element: Element;
  readonly next: Position | undefined;
}
interface Stack {
  readonly id: number;
  readonly top: Position;
  readonly below: Stack | undefined;
}
export interface GrammarState {
  /** the text may end here */
  readonly accepts: boolean;
  /** no byte can follow */
  readonly final: boolean;
}
interface State extends GrammarState {
  readonly stacks: readonly Stack[];
  /** by byte; null = none, undefined = not looked at yet */
  readonly next: (State | null | undefined)[];
}
/** Parses of one text that a grammar may have at once, and states that one text may go through. */
const LIMIT = { parses: 10_000, states: 100_000 };

export class Grammar {
  readonly #rules: readonly (readonly (Position | undefined)[])[];
  readonly #stacks = new Map<string, Stack>();
  readonly #states = new Map<string, State>();
  readonly start: GrammarState;
  /** how many have been made: what texts have led to */
  get states(): number {
    return this.#states.size;
  }

  constructor(rules: Rules, first: number) {
    let id = 0;
    const linked = (sequence: readonly Element[]) =>
      sequence.reduceRight<Position | undefined>(
        (next, element) => ({ id: id++, element, next }),
        undefined,
      );
    this.#rules = rules.map((alternatives) => alternatives.map(linked));
    const found = new Found();
    for (const begin of this.#rules[first]!) this.#expand(begin, undefined, found);
    this.start = this.#stateOf(found);
  }

  /** The state after one more byte; null where it may not come. */
  after(state: GrammarState, byte: number): GrammarState | null {
    const from = state as State;
    const known = from.next[byte];
    if (known !== undefined) return known;
    const found = new Found();
    for (const { top, below } of from.stacks)
      if (
        (top.element as { bytes: readonly Range[] }).bytes.some(([a, b]) => byte >= a && byte <= b)
      )
        this.#expand(top.next, below, found);
    return (from.next[byte] = found.stacks.size || found.ends ? this.#stateOf(found) : null);
  }

  /** The state after a text's bytes; null where it is no beginning of one. */
  afterAll(state: GrammarState, bytes: Uint8Array): GrammarState | null {
    let at: GrammarState | null = state;
    for (const byte of bytes) if (!(at = this.after(at, byte))) return null;
    return at;
  }

  /** Adds the stacks with bytes on top that `at`, and what is below it, can become. */
  #expand(at: Position | undefined, below: Stack | undefined, found: Found): void {
    for (; !at; at = below.top.next, below = below.below)
      if (!below) {
        found.ends = true;
        return;
      }
    const stack = this.#stack(at, below);
    if ("bytes" in at.element) {
      found.stacks.add(stack);
      if (found.stacks.size > LIMIT.parses) throw tooMany("parses at once", LIMIT.parses);
      return;
    }
    if (found.seen.has(stack)) return;
    found.seen.add(stack);
    // where nothing follows the rule, what is below follows it: recursion at the end does not pile up
    const rest = at.next ? stack : below;
    for (const begin of this.#rules[at.element.rule]!) this.#expand(begin, rest, found);
  }

  #stack(top: Position, below: Stack | undefined): Stack {
    const key = `${top.id} ${below?.id ?? ""}`;
    let stack = this.#stacks.get(key);
    if (!stack) this.#stacks.set(key, (stack = { id: this.#stacks.size, top, below }));
    return stack;
  }

  #stateOf({ stacks, ends }: Found): State {
    const sorted = [...stacks].toSorted((a, b) => a.id - b.id);
    const key = `${ends} ${sorted.map((s) => s.id).join()}`;
    let state = this.#states.get(key);
    if (!state) {
      if (this.#states.size >= LIMIT.states) throw tooMany("states", LIMIT.states);
      state = { stacks: sorted, accepts: ends, final: !sorted.length, next: [] };
      this.#states.set(key, state);
    }
    return state;
  }
}
/** What one expansion has come across. */
class Found {
  readonly stacks = new Set<Stack>();
  readonly seen = new Set<Stack>();
  ends = false;
}
const tooMany = (what: string, most: number) =>
  new TillerError(
    "format_too_large",
    `response_format leads to more than ${most} ${what}. Use a smaller schema: fewer alternatives that begin alike, fewer optional properties.`,
  );

/** The vocabulary in order of the tokens' bytes: what several begin with is looked at once. */
export class TokenBytes {
  readonly size: number;
  readonly #ids: readonly number[];
  readonly #bytes: readonly Uint8Array[];
  /** how many bytes each begins with like the one before */
  readonly #shared: readonly number[];

  constructor(v: { readonly vocabSize: number; bytes(id: number): Uint8Array }) {
    this.size = v.vocabSize;
    // a letter a byte: texts are sorted many times faster than buffers
    const letters = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");
    const all = Array.from({ length: v.vocabSize }, (_, id) => ({ id, bytes: v.bytes(id) }))
      .filter(({ bytes }) => bytes.length) // control tokens say nothing
      .map((t) => ({ ...t, text: letters(t.bytes) }))
      .toSorted((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : a.id - b.id));
    this.#ids = all.map(({ id }) => id);
    this.#bytes = all.map(({ bytes }) => bytes);
    this.#shared = this.#bytes.map((b, i) => {
      const before = this.#bytes[i - 1] ?? [];
      let n = 0;
      while (n < b.length && n < before.length && b[n] === before[n]) n++;
      return n;
    });
  }

  /** 1 for each token that may come next. */
  allowed(grammar: Grammar, state: GrammarState, vocab: number): Uint8Array {
    const out = new Uint8Array(vocab);
    const path = [state];
    let dead = Infinity; // tokens that begin with so many bytes of the last one cannot come
    for (let i = 0; i < this.#ids.length; i++) {
      const [bytes, shared] = [this.#bytes[i]!, this.#shared[i]!];
      if (shared >= dead) continue;
      dead = Infinity;
      for (let d = shared; d < bytes.length; d++) {
        const next = grammar.after(path[d]!, bytes[d]!);
        if (!next) {
          dead = d + 1;
          break;
        }
        path[d + 1] = next;
      }
      if (dead === Infinity && this.#ids[i]! < vocab) out[this.#ids[i]!] = 1;
    }
    return out;
  }
}

const MASKS = 64; // that are kept

interface OfTokens {
  readonly bytes: (id: number) => Uint8Array;
  /** tokens that end a text */
  readonly ends: ReadonlySet<number>;
  readonly vocab: number;
}
/** Which tokens may come next in texts of one grammar; replies of one shape share it. */
export class TokenGrammar {
  readonly grammar: Grammar;
  readonly #tokens: TokenBytes;
  readonly #of: OfTokens;
  readonly #masks = new Map<GrammarState, Uint8Array>();

  constructor(grammar: Grammar, tokens: TokenBytes, of: OfTokens) {
    this.grammar = grammar;
    this.#tokens = tokens;
    this.#of = of;
  }

  /** 1 for each token that may come next; an end of text where the text may end. */
  mask(state: GrammarState): Uint8Array {
    const known = this.#masks.get(state);
    if (known) return known;
    const { ends, vocab } = this.#of;
    const made = this.#tokens.allowed(this.grammar, state, vocab);
    for (const id of ends) if (id < vocab) made[id] = state.accepts ? 1 : 0;
    if (!made.includes(1))
      throw new TillerError(
        "format_impossible",
        "no token of this model can go on with what response_format asks for. Use a schema of plain texts and keys, or another model.",
      );
    if (this.#masks.size >= MASKS) this.#masks.delete(this.#masks.keys().next().value!);
    this.#masks.set(state, made);
    return made;
  }

  /** The state after a token that was allowed. */
  after(state: GrammarState, id: number): GrammarState {
    if (this.#of.ends.has(id)) return state;
    const next = this.grammar.afterAll(state, this.#of.bytes(id));
    if (!next) throw new Error(`internal: token ${id} was drawn where it may not come`);
    return next;
  }
}
