/**
 * The tree that a log of outputs makes. Every node is looked up by what goes into it now, from left to right; the first entry that
 * stands for that is its output, and where there is none it is asked. So a start after a kill, an edit, and a fork are one thing:
 * the same walk over another log. A redone output that is the same leaves everything above it as it was.
 */
import { Bug } from "@tiller/schema";
import {
  type Address,
  type Author,
  contextOf,
  type Entry,
  hashOf,
  inputOf,
  keyOf,
  makerOf,
  seedOf,
} from "./keys.ts";
import { type Plan, type PlanNode, waitsFor } from "./plan.ts";
import { capped, type Filled, fill, joined } from "./prompt.ts";
import type { CountTokens } from "./split.ts";

/** What is asked again: what is invalid; what has drifted as well; what another maker made as well. */
export const redos = ["path", "drifted", "all"] as const;
export type Redo = (typeof redos)[number];

/** Where a node stands: `current` came from exactly this; `drifted` had another context; `aged` another maker. */
export type Standing = "current" | "drifted" | "aged";
export interface Output {
  readonly entry: Entry;
  readonly hash: string;
  readonly standing: Standing;
  /** what it was looked up by */
  readonly key: string;
  /** how many earlier outputs stand in its context now */
  readonly used: number;
}
export interface Ask extends Filled, Address {
  readonly node: PlanNode;
  readonly key: string;
  readonly saw: string;
  /** for whoever draws */
  readonly seed: number;
  /** of this node, for another input: what a person wrote before, say */
  readonly before: Entry | undefined;
}

/** Outputs by what went into them. */
export class Log {
  readonly #byInput = new Map<string, Entry[]>();
  readonly #byNode = new Map<string, Entry>();

  constructor(entries: Iterable<Entry> = []) {
    for (const e of entries) this.add(e);
  }
  add(e: Entry): void {
    const same = this.#byInput.get(e.input);
    if (same) same.push(e);
    else this.#byInput.set(e.input, [e]);
    this.#byNode.set(e.node, e);
  }
  /** The newest of this node, for whatever input. */
  last(node: string): Entry | undefined {
    return this.#byNode.get(node);
  }
  /**
   * The entry that stands for this address. What a person wrote about the same input comes before what a policy wrote. Exactly
   * the same went into another node: its output stands here as well; anything less has to come from this node.
   */
  find(node: string, a: Address, redo: Redo): { entry: Entry; standing: Standing } | undefined {
    const all = this.#byInput.get(a.input) ?? [];
    const here = (e: Entry) => e.context === a.context;
    const person = (e: Entry) => e.author.kind === "person";
    const written = all.findLast((e) => person(e) && here(e));
    if (written) return { entry: written, standing: "current" };
    const mine = all.filter((e) => e.node === node);
    const older = mine.findLast(person);
    if (older) return { entry: older, standing: "drifted" };
    const exact = all.findLast((e) => here(e) && e.maker === a.maker);
    if (exact) return { entry: exact, standing: "current" };
    if (redo === "all") return undefined;
    const aged = mine.findLast(here);
    if (aged) return { entry: aged, standing: "aged" };
    if (redo === "drifted") return undefined;
    const drifted = mine.findLast((e) => e.maker === a.maker) ?? mine.at(-1);
    return drifted && { entry: drifted, standing: drifted.maker === a.maker ? "drifted" : "aged" };
  }
}

export interface Grown {
  /** by node, in the order of the plan's levels; those that were not reached are missing */
  readonly outputs: ReadonlyMap<string, Output>;
  readonly asked: number;
  /** ended before the root: stopped, or nobody answered */
  readonly whole: boolean;
}
/** What an answer is before it is cut to its cap. */
export interface Answer {
  readonly text: string;
  readonly author: Author;
  readonly promptTokens: number;
  readonly tokens: number;
  readonly seconds: number;
  readonly cost: number;
}

export interface Grow {
  readonly log: Log;
  readonly count: CountTokens;
  /** the policy's name and version: part of the address */
  readonly policy: string;
  readonly redo?: Redo;
  /** nodes that are asked at once, at most, where the order lets them */
  readonly parallel?: number;
  /** it may take days, and takes no place among those */
  readonly patient?: (node: PlanNode) => boolean;
  /** without it the tree is as the log has it, and nothing is asked; undefined: nobody answers this node */
  readonly respond?: ((ask: Ask) => Promise<Answer | undefined>) | undefined;
  /** before the output counts: what is not written down did not happen */
  readonly record?: (entry: Entry) => void;
  /** this node is not begun, nor what waits for it */
  readonly stopped?: (ask: Ask) => boolean;
  /** a node stands: from the log, or by an answer */
  readonly stands?: (node: PlanNode, output: Output) => void;
}

/** The entry that an answer makes: its text within the cap. */
export const entryOf = (ask: Ask, answer: Answer, count: CountTokens): Entry => ({
  node: ask.node.id,
  input: ask.input,
  context: ask.context,
  maker: ask.maker,
  saw: ask.saw,
  ...answer,
  text: capped(answer.text, ask.node.cap, count),
});

export async function grow(plan: Plan, o: Grow): Promise<Grown> {
  const { count, log, redo = "path", parallel = 1 } = o;
  const maker = makerOf(plan, o.policy);
  const counted = remembered(count);
  const outputs = new Map<string, Output>();
  const waiting = new Map<string, number>();
  const readers = new Map<string, PlanNode>(); // of a context that ends with this node
  const through = plan.levels.map(() => 0); // nodes of each height that are there without a gap
  const ready: PlanNode[] = [];
  const order = walk(plan);
  const place = new Map(order.map((n, i) => [n.id, i]));
  for (const node of order) {
    const last = waitsFor(plan, node);
    const needs = [...node.children, ...(last === undefined ? [] : [last])];
    waiting.set(node.id, needs.length);
    if (last !== undefined) readers.set(last, node);
    if (needs.length === 0) ready.push(node);
  }
  const settled = (node: PlanNode, output: Output) => {
    outputs.set(node.id, output);
    o.stands?.(node, output);
    const released: (PlanNode | undefined)[] = [
      node.parent === undefined ? undefined : plan.nodes.get(node.parent),
    ];
    const level = plan.levels[node.height]!;
    for (let n = level[through[node.height]!]; n && outputs.has(n.id);) {
      released.push(readers.get(n.id)); // it reads all before as well
      n = level[++through[node.height]!];
    }
    for (const next of released) {
      if (!next) continue;
      const left = waiting.get(next.id)! - 1;
      waiting.set(next.id, left);
      if (left === 0) ready.push(next);
    }
    ready.sort((a, b) => place.get(a.id)! - place.get(b.id)!);
  };

  let [asked, patient] = [0, 0];
  const running = new Set<Promise<void>>();
  const run = async (node: PlanNode, respond: NonNullable<Grow["respond"]>, ask: Ask) => {
    const answer = await respond(ask);
    if (!answer) return;
    const entry = entryOf(ask, answer, count);
    o.record?.(entry);
    log.add(entry);
    asked++;
    const { key, used } = ask;
    settled(node, { entry, hash: hashOf(entry.text), standing: "current", key, used });
  };
  try {
    for (;;) {
      for (;;) {
        const free = running.size - patient < parallel;
        const at = free ? 0 : ready.findIndex((n) => o.patient?.(n));
        const [node] = at < 0 ? [] : ready.splice(at, 1);
        if (!node) break;
        const ask = askOf(plan, node, outputs, { log, maker, count: counted });
        const found = log.find(node.id, ask, redo);
        if (found)
          settled(node, { ...found, hash: hashOf(found.entry.text), key: ask.key, used: ask.used });
        else if (o.respond && !o.stopped?.(ask)) {
          const slow = o.patient?.(node) ?? false;
          if (slow) patient++;
          const one: Promise<void> = run(node, o.respond, ask).finally(() => {
            running.delete(one);
            if (slow) patient--;
          });
          running.add(one);
        }
      }
      if (running.size === 0) break;
      await Promise.race(running);
    }
  } catch (e) {
    await Promise.allSettled(running); // what was paid for is written down
    throw e;
  }
  const inOrder = plan.levels.flat().filter((n) => outputs.has(n.id));
  return {
    outputs: new Map(inOrder.map((n) => [n.id, outputs.get(n.id)!])),
    asked,
    whole: outputs.has(plan.root.id),
  };
}

/** What a node's author reads, and what its answer will be addressed by. */
export function askOf(
  plan: Plan,
  node: PlanNode,
  outputs: ReadonlyMap<string, Output>,
  o: { readonly log: Log; readonly maker: string; readonly count: CountTokens },
): Ask {
  const of = (id: string): Output => {
    const output = outputs.get(id);
    if (!output) throw new Bug(`node ${node.id} was asked before ${id}`);
    return output;
  };
  const children = node.children.map(of);
  const text = node.span
    ? plan.text.slice(node.span.from, node.span.to)
    : joined(children.map((c) => c.entry.text));
  const last = waitsFor(plan, node);
  const level = plan.levels[node.height]!;
  const earlier =
    last === undefined
      ? []
      : level.slice(
          Math.max(0, plan.nodes.get(last)!.index - NEAR),
          plan.nodes.get(last)!.index + 1,
        );
  const context = earlier.map((n) => of(n.id));
  const filled = fill({
    text,
    context: context.map((c) => c.entry.text),
    room: plan.window.tokens - plan.reserve - node.cap,
    instructions: plan.instructions,
    count: o.count,
  });
  const address = {
    input: inputOf(plan, node, node.span ? [hashOf(text)] : children.map((c) => c.hash)),
    context: contextOf(filled.used > 0 ? context.slice(-filled.used).map((c) => c.hash) : []),
    maker: o.maker,
  };
  const key = keyOf(address);
  return {
    ...filled,
    ...address,
    node,
    key,
    saw: hashOf(filled.prompt),
    seed: seedOf(key),
    before: o.log.last(node.id),
  };
}

const NEAR = 400; // earlier outputs that are looked at; a window holds fewer

/** From left to right, children before what they make: the order in which one person would go through a book. */
function walk(plan: Plan): PlanNode[] {
  const out: PlanNode[] = [];
  const visit = (n: PlanNode) => {
    for (const id of n.children) visit(plan.nodes.get(id)!);
    out.push(n);
  };
  visit(plan.root);
  return out;
}

/** Counts of texts that come again and again, outputs above all; prompts, which are long and come once, are not kept. */
function remembered(count: CountTokens): CountTokens {
  const known = new Map<string, number>();
  return (text) => {
    if (text.length > 4000) return count(text);
    let n = known.get(text);
    if (n === undefined) {
      if (known.size > 4000) known.clear();
      known.set(text, (n = count(text)));
    }
    return n;
  };
}

/** What there is of a tree that is not whole: the highest outputs that have nothing above them, in the book's order. */
export const bestSoFar = (plan: Plan, outputs: ReadonlyMap<string, Output>): PlanNode[] => {
  const visit = (n: PlanNode): PlanNode[] =>
    outputs.has(n.id) ? [n] : n.children.flatMap((id) => visit(plan.nodes.get(id)!));
  return visit(plan.root);
};
