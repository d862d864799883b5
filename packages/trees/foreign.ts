/** A tree of chunks and merges as a tree's own file: where its chunks stand in the book, its nodes by height, its window and caps by its texts. */
import { type Entry, grow, Log, type Output, type Plan } from "@tiller/book";
import type { Author } from "@tiller/book/keys.ts";
import type { PlanNode } from "@tiller/book/plan.ts";
import { overheadOf, TASK } from "@tiller/book/prompt.ts";
import { capOf, windowOf } from "@tiller/book/window.ts";
import { TillerError, TreeSettings } from "@tiller/schema";
import { bad, type ForeignTree } from "./foreign-shapes.ts";
import { count, RESERVE } from "./plan.ts";
import { grownFile, type TreeFile } from "./tree-file.ts";

const WIDEST = 2 ** 24; // tokens: no window is so wide

interface Made {
  readonly node: PlanNode;
  readonly given: { summary?: string | undefined; author?: Author | undefined };
}
/** The file of a tree that was made elsewhere, and what whoever brings it should know. */
export async function fileOf(
  tree: ForeignTree,
  o: { readonly name: string; readonly model?: string | undefined; readonly at: string },
): Promise<{ file: TreeFile; notes: string[] }> {
  const notes: string[] = [];
  const { text, spans } = placed(tree, notes);
  const shape = shapeOf(tree, notes);
  const summaries = (height: number) =>
    shape[height]!.flatMap((n) => (n.summary === undefined ? [] : [n.summary]));
  const most = (texts: readonly string[]) => Math.max(0, ...texts.map((t) => count(t.trim())));
  const fixed = RESERVE + overheadOf(count, "");
  // the smallest window whose leaf holds the largest chunk, and whose prompts hold what every node was made from
  const leaf = most(tree.chunks.map((c) => c.text));
  let tokens = Math.max(256, Math.ceil((leaf * 256) / 75));
  // what is written keeps its length; what is missing has to fit as any output of its height
  const caps = (height: number) => {
    const lacks = summaries(height).length < shape[height]!.length;
    return Math.max(1, lacks ? capOf(windowOf(tokens), height) : 0, most(summaries(height)));
  };
  for (;;) {
    const read = shape.map((level, height) =>
      height === 0
        ? leaf
        : Math.max(...level.map((n) => n.children.length * (caps(height - 1) + count("\n\n")))),
    );
    const need = Math.max(...read.map((r, height) => r + caps(height) + fixed));
    if (need <= tokens) break;
    tokens = need;
    if (tokens > WIDEST) {
      const [children, height] = shape
        .flatMap((level, h) => level.map((n) => [n.children.length, h] as const))
        .reduce((a, b) => (b[0] > a[0] ? b : a));
      throw new TillerError(
        "wide_merge",
        `a merge of ${children} children at height ${height} fits into no window while summaries of height ${height - 1} are missing: each may have up to ${capOf(windowOf(2048), height - 1)} of 2,048 tokens. Give their summaries, or merges between of 8 or fewer.`,
      );
    }
  }
  const settings = TreeSettings.parse({ window: tokens, context: "none", model: o.model });
  const { window, seed, instructions } = settings;
  const levels = shape.map((level, height) =>
    level.map((n, index): Made => {
      const [parent, children] = [n.parent, n.children];
      const id = `${height}.${index}`;
      return {
        given: n,
        node: {
          id,
          height,
          index,
          children: children.map((c) => `${height - 1}.${c}`),
          cap: caps(height),
          ...(parent === undefined ? {} : { parent: `${height + 1}.${parent}` }),
          ...(height === 0 ? { span: spans[index]! } : {}),
        },
      };
    }),
  );
  const made = new Map(levels.flat().map((m) => [m.node.id, m.given]));
  const system = tree.system ?? "made elsewhere";
  const outputs = new Map<string, Output>();
  const entries: Entry[] = [];
  const plan: Plan = {
    text,
    window: windowOf(window),
    order: "none",
    seed,
    levels: levels.map((l) => l.map((m) => m.node)),
    nodes: new Map(levels.flat().map((m) => [m.node.id, m.node])),
    root: levels.at(-1)![0]!.node,
    task: TASK,
    instructions,
    reserve: RESERVE,
  };
  await grow(plan, {
    log: new Log(),
    count,
    policy: system,
    record: (e) => void entries.push(e),
    stands: (node, output) => void outputs.set(node.id, output),
    respond: async ({ node, tokens: promptTokens }) => {
      const { summary, author = { kind: "policy", name: system } } = made.get(node.id)!;
      if (summary === undefined) return undefined;
      return { text: summary, author, promptTokens, tokens: count(summary), seconds: 0, cost: 0 };
    },
  });
  const open = [...made].filter(([id]) => !outputs.has(id)).map(([id]) => id);
  const unplaced = open.filter((id) => made.get(id)!.summary !== undefined);
  if (unplaced.length > 0)
    throw bad(
      `${unplaced[0]} has a summary, and something below it has none`,
      "Give what it was made from, or leave its summary out.",
    );
  if (open.length > 0)
    notes.push(`${open.length} summaries are to be written: ${open.slice(0, 10).join(", ")}`);
  const file = grownFile({
    name: tree.name ?? o.name,
    settings,
    policy: system,
    plan,
    outputs,
    entries,
    from: "imported",
    people: o.model === undefined,
    at: o.at,
  });
  return { file, notes };
}

/** Where the chunks stand: in the text that came along, or one after the other. */
function placed(tree: ForeignTree, notes: string[]) {
  const { text, chunks } = tree;
  const spans: { from: number; to: number }[] = [];
  if (text === undefined) {
    let [all, twice] = ["", 0];
    for (const [i, chunk] of chunks.entries()) {
      const next = chunks[i + 1];
      if (next && shared(chunk.text, next.text) >= OVERLAP) twice++;
      const from = all.length;
      all += next && !/\n\s*$/.test(chunk.text) ? `${chunk.text}\n\n` : chunk.text;
      spans.push({ from, to: all.length });
    }
    if (twice > 0)
      notes.push(
        `${twice} chunks begin with the words that the one before ends with: these stand twice in the text`,
      );
    return { text: all, spans };
  }
  let end = 0;
  for (const [i, chunk] of chunks.entries()) {
    const words = chunk.text.trim();
    const at = text.indexOf(words, end);
    if (at < 0) {
      const before = words === "" ? -1 : text.indexOf(words);
      throw before >= 0 && before < end
        ? bad(
            `chunk ${i} begins at character ${before} of the text, before chunk ${i - 1} ends (${end})`,
            "Passages of a tree do not overlap: leave the text out, and each chunk keeps its own words.",
          )
        : bad(
            `chunk ${i} (${JSON.stringify(words.slice(0, 40))}) does not stand in the text after chunk ${i - 1}`,
            "Put the chunks in the order of the book, word for word, or leave the text out.",
          );
    }
    const gap = text.slice(end, at);
    if (gap.trim() !== "")
      throw bad(
        `characters ${end} to ${at} of the text (${JSON.stringify(gap.trim().slice(0, 40))}) are in no chunk`,
        "Add a chunk for them, without a summary if nobody wrote one.",
      );
    if (i > 0) spans[i - 1]!.to = at; // white space belongs to what stands before it
    end = at + words.length;
    spans.push({ from: i === 0 ? 0 : at, to: end });
  }
  const rest = text.slice(end);
  if (rest.trim() !== "")
    throw bad(
      `the text goes on after the last chunk (${JSON.stringify(rest.trim().slice(0, 40))})`,
      "Add a chunk for it, without a summary if nobody wrote one.",
    );
  spans.at(-1)!.to = text.length;
  return { text, spans };
}
const OVERLAP = 20; // characters that two chunks share; fewer is chance
/** The longest end of one text that is the beginning of the other. */
function shared(a: string, b: string): number {
  for (let n = Math.min(a.length, b.length, 4000); n >= OVERLAP; n--)
    if (a.endsWith(b.slice(0, n))) return n;
  return 0;
}

interface Placed {
  readonly summary?: string | undefined;
  readonly author?: Author | undefined;
  /** places in the level below */
  readonly children: readonly number[];
  parent?: number;
}
/** Its nodes by height, each height from left to right. */
function shapeOf(tree: ForeignTree, notes: string[]): Placed[][] {
  const all = [...tree.chunks.map((c) => ({ ...c, children: [] as string[] })), ...tree.merges];
  const names = all.map((n, i) => n.id ?? String(i));
  const byName = new Map(names.map((name, i) => [name, i]));
  if (byName.size < all.length)
    throw bad(
      `two of its parts are called ${names.find((n, i) => byName.get(n) !== i)}`,
      "Name each once.",
    );
  const parents = new Map<number, number>();
  for (const [i, n] of all.entries())
    for (const c of n.children) {
      const child = byName.get(c);
      if (child === undefined)
        throw bad(
          `${names[i]} is made from ${c}, which is not there`,
          `There are ${names.slice(0, 5).join(", ")} and so on.`,
        );
      if (parents.has(child))
        throw bad(
          `${c} goes into ${names[parents.get(child)!]} and ${names[i]}`,
          "Each part goes into one above it.",
        );
      parents.set(child, i);
    }
  const roots = names.filter((_, i) => !parents.has(i));
  if (roots.length === 0) throw bad("its merges go round in a circle", "One of them is the whole.");
  if (roots.length > 1)
    throw bad(
      `${roots.length} parts go into nothing: ${roots.slice(0, 5).join(", ")}`,
      "Add a merge of them, without a summary if nobody wrote one.",
    );
  const heights = new Map<number, number>();
  const [firsts, lasts] = [new Map<number, number>(), new Map<number, number>()];
  /** After all below it; no recursion, a chain may be long. */
  const order: number[] = [];
  const stack = [byName.get(roots[0]!)!];
  for (let i = stack.pop(); i !== undefined; i = stack.pop()) {
    order.push(i);
    for (const c of all[i]!.children) stack.push(byName.get(c)!);
  }
  if (order.length < all.length)
    throw bad("its merges go round in a circle", "One of them is the whole.");
  let turned = 0;
  const sorted = new Map<number, number[]>();
  for (const i of order.toReversed()) {
    const children = all[i]!.children.map((c) => byName.get(c)!);
    if (children.length === 0) {
      heights.set(i, 0);
      firsts.set(i, i);
      lasts.set(i, i);
      continue;
    }
    const below = new Set(children.map((c) => heights.get(c)!));
    if (below.size > 1)
      throw bad(
        `${names[i]} is made from parts of several heights`,
        "All that go into one are of one height: put a merge of that part alone between.",
      );
    const inOrder = children.toSorted((a, b) => firsts.get(a)! - firsts.get(b)!);
    if (inOrder.some((c, k) => c !== children[k])) turned++;
    for (const [k, c] of inOrder.entries())
      if (k > 0 && firsts.get(c) !== lasts.get(inOrder[k - 1]!)! + 1)
        throw bad(
          `${names[i]} is made from ${names[inOrder[k - 1]!]} and ${names[c]}, which are no neighbours in the book`,
          "A tree over a book is of neighbours.",
        );
    sorted.set(i, inOrder);
    heights.set(i, [...below][0]! + 1);
    firsts.set(i, firsts.get(inOrder[0]!)!);
    lasts.set(i, lasts.get(inOrder.at(-1)!)!);
  }
  if (turned > 0)
    notes.push(
      `${turned} merges name what they are made from in another order than the book's, which is taken`,
    );
  const levels: number[][] = [];
  for (const i of all.keys()) (levels[heights.get(i)!] ??= []).push(i);
  for (const level of levels) level.sort((a, b) => firsts.get(a)! - firsts.get(b)!);
  const place = new Map(levels.flatMap((level) => level.map((i, k) => [i, k] as const)));
  return levels.map((level) =>
    level.map((i): Placed => {
      const { summary, author } = all[i]!;
      const parent = parents.get(i);
      return {
        summary,
        author,
        children: (sorted.get(i) ?? []).map((c) => place.get(c)!),
        ...(parent === undefined ? {} : { parent: place.get(parent)! }),
      };
    }),
  );
}
