/**
 * The nodes of a tree before anything is asked: leaves of a text, and above them groups of neighbours of similar size, 13 at most at
 * height 1 and 8 above it, or as many as surely fit the window with their own output. All leaves have one depth, so that a
 * node's depth and its height say the same.
 */
import { z } from "zod";
import { TillerError } from "@tiller/schema";
import { overheadOf, TASK } from "./prompt.ts";
import { type CountTokens, type Span, splitText } from "./split.ts";
import { capOf, type Window, windowOf } from "./window.ts";

/** Which earlier outputs of its height a node waits for and reads: all, all but the last k, none. */
export const ContextOrder = z
  .string()
  .regex(/^(?:strict|none|lag:[1-9]\d{0,3})$/, "strict, none or lag:3")
  .transform((s) => s as "strict" | "none" | `lag:${number}`);
export type ContextOrder = z.infer<typeof ContextOrder>;

export interface PlanNode {
  /** `height.index` */
  readonly id: string;
  readonly height: number;
  readonly index: number;
  /** of a leaf */
  readonly span?: Span;
  readonly children: readonly string[];
  readonly parent?: string;
  /** tokens that its output may have */
  readonly cap: number;
}
export interface Plan {
  readonly text: string;
  readonly window: Window;
  readonly order: ContextOrder;
  readonly seed: number;
  /** by height, then from left to right */
  readonly levels: readonly (readonly PlanNode[])[];
  readonly nodes: ReadonlyMap<string, PlanNode>;
  readonly root: PlanNode;
  /** what is asked for: its version, and the words that stand before every prompt */
  readonly task: string;
  readonly instructions: string;
  /** tokens of a prompt that are not ours to fill: a begin-of-text token, a chat template */
  readonly reserve: number;
}

const LEAVES = 13; // of a node of height 1
const PARTS = 8; // of a node above it

export interface PlanOptions {
  readonly window: number;
  readonly seed: number;
  readonly count: CountTokens;
  readonly order?: ContextOrder;
  readonly instructions?: string;
  readonly reserve?: number;
}

export function planOf(text: string, o: PlanOptions): Plan {
  const window = windowOf(o.window);
  const { count, instructions = "", reserve = 0 } = o;
  const fixed = reserve + overheadOf(count, instructions);
  const leaf = window.tokens - window.caps[0] - fixed;
  if (leaf < window.leaf)
    throw new TillerError(
      "small_window",
      `a window of ${window.tokens} tokens has ${Math.max(0, leaf)} for a leaf's text after ${fixed} of instructions and frame and ${window.caps[0]} of output; ` +
        `it takes ${window.leaf}. Shorten the instructions or give a larger window.`,
    );
  const spans = splitText(text, { most: window.leaf, count, seed: o.seed });
  const groups: number[][][] = [];
  for (let n = spans.length, height = 1; n > 1; height++) {
    const room = window.tokens - capOf(window, height) - fixed;
    const each = capOf(window, height - 1) + count("\n\n");
    const most = Math.min(height === 1 ? LEAVES : PARTS, Math.floor(room / each));
    if (most < 3)
      throw new TillerError(
        "small_window",
        `a window of ${window.tokens} tokens holds ${Math.max(0, most)} summaries of height ${height - 1} beside ${fixed} tokens of instructions and frame, and a tree needs 3. ` +
          "Shorten the instructions or give a larger window.",
      );
    groups.push(evenly(n, Math.ceil(n / most)));
    n = groups.at(-1)!.length;
  }
  return made(text, spans, groups, {
    window,
    order: o.order ?? "strict",
    seed: o.seed,
    task: TASK,
    instructions,
    reserve,
  });
}

/** 0 .. n - 1 in so many runs of neighbours, the sizes at most one apart. */
const evenly = (n: number, parts: number): number[][] =>
  Array.from({ length: parts }, (_, i) => {
    const [from, to] = [Math.floor((i * n) / parts), Math.floor(((i + 1) * n) / parts)];
    return Array.from({ length: to - from }, (_, j) => from + j);
  });

function made(
  text: string,
  spans: readonly Span[],
  groups: readonly (readonly (readonly number[])[])[],
  rest: Pick<Plan, "window" | "order" | "seed" | "task" | "instructions" | "reserve">,
): Plan {
  const parentOf = (height: number, index: number): { parent?: string } => {
    const above = groups[height]?.findIndex((g) => index >= g[0]! && index <= g.at(-1)!);
    return above === undefined ? {} : { parent: `${height + 1}.${above}` };
  };
  const levels: PlanNode[][] = [
    spans.map((span, index) => ({
      id: `0.${index}`,
      height: 0,
      index,
      span,
      children: [],
      cap: capOf(rest.window, 0),
      ...parentOf(0, index),
    })),
    ...groups.map((level, h) =>
      level.map((children, index) => ({
        id: `${h + 1}.${index}`,
        height: h + 1,
        index,
        children: children.map((c) => `${h}.${c}`),
        cap: capOf(rest.window, h + 1),
        ...parentOf(h + 1, index),
      })),
    ),
  ];
  const nodes = new Map(levels.flat().map((n) => [n.id, n]));
  return { ...rest, text, levels, nodes, root: levels.at(-1)![0]! };
}

/** The node that an earlier answer of its height has to be there for; undefined: it waits for its children alone. */
export function waitsFor(plan: Plan, node: PlanNode): string | undefined {
  if (plan.order === "none") return undefined;
  const lag = plan.order === "strict" ? 0 : Number(plan.order.slice(4));
  const index = node.index - 1 - lag;
  return index < 0 ? undefined : `${node.height}.${index}`;
}

/** The plan with other words in one leaf; all other leaves keep theirs. */
export function editLeaf(plan: Plan, id: string, words: string, count: CountTokens): Plan {
  const span = plan.nodes.get(id)?.span;
  if (!span)
    throw new TillerError(
      "no_leaf",
      `there is no leaf ${id}: they are 0.0 to 0.${plan.levels[0]!.length - 1}. Name one of them.`,
    );
  const tokens = count(words.trim()); // as they were counted when the book was divided
  if (tokens > plan.window.leaf)
    throw new TillerError(
      "long_leaf",
      `the new text of leaf ${id} has ${tokens} tokens, and a leaf takes ${plan.window.leaf}. Shorten it, or make a new tree of the changed book.`,
    );
  const by = words.length - (span.to - span.from);
  const moved = (s: Span): Span =>
    s.from === span.from
      ? { from: s.from, to: s.to + by }
      : s.from > span.from
        ? { from: s.from + by, to: s.to + by }
        : s;
  const levels = plan.levels.map((level) =>
    level.map((n) => (n.span ? { ...n, span: moved(n.span) } : n)),
  );
  return {
    ...plan,
    text: plan.text.slice(0, span.from) + words + plan.text.slice(span.to),
    levels,
    nodes: new Map(levels.flat().map((n) => [n.id, n])),
    root: levels.at(-1)![0]!,
  };
}
