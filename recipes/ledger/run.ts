/**
 * One cell of Ledger for one seed: clones of noisy demonstrations, then every arm's labels within its budget, its reward model, its policy, and
 * how much of a held-out book its root has right. Reads from above: a setting, the start, the arms, the figures.
 */
import type { HeightJudgment } from "@tiller/book/heights.ts";
import { rng } from "@tiller/schema";
import {
  clone,
  greedy,
  improve,
  marginOf,
  rewardAccuracy,
  rewardModel,
  sampling,
} from "./learn.ts";
import { freshWeights, Scorer, Trainer, type Weights } from "./network.ts";
import {
  type Arm,
  demonstrating,
  demonstrationMinutes,
  demonstrators,
  judgePair,
  type Label,
  labelOf,
  pairOf,
  readNode,
  type Sampled,
  wrongs,
} from "./oversee.ts";
import { accuracy, type Node, Reader } from "./reading.ts";
import { type Book, books } from "./story.ts";

export interface Cell {
  readonly chunks: number;
  readonly dependence: number;
  readonly noise: number;
  /** what every arm may spend: minutes of reading, or labels */
  readonly minutes?: number;
  readonly labels?: number;
}
interface Sizes {
  readonly train: number;
  readonly test: number;
  readonly demonstrations: number;
}
const sizes: Sizes = { train: 200, test: 100, demonstrations: 2000 };

interface Outcome {
  readonly arm: Arm | "start";
  readonly labels: number;
  readonly minutes: number;
  /** by held-out book: objects of eight that the root has right; then with patterns that nobody learned from */
  readonly books: readonly number[];
  readonly unseen: readonly number[];
  /** nodes that are what their own input says, leaves and those above */
  readonly leaves: number;
  readonly above: number;
  /** of labels of the same kind that were not learned from */
  readonly reward: number;
  /** by the reward model's own account: mean gain a book over the start */
  readonly gain: number;
  /** of the tree's arm: judgments by two people each that nobody learned from */
  readonly heights?: readonly HeightJudgment[];
  /** of the tree's arm: `books` of the same policy where leaves are shown an earlier output or none */
  readonly orders?: Readonly<Record<ReadOrder, readonly number[]>>;
}
/** The orders of context that a tree of books knows: how many of the newest outputs a leaf is not shown. */
export const readOrders = { strict: 0, "lag:1": 1, "lag:3": 3, none: undefined } as const;
export type ReadOrder = keyof typeof readOrders;

interface Bench {
  readonly reader: Reader;
  readonly trainer: Trainer;
  readonly between: readonly string[];
  readonly seed: number;
  readonly cell: Cell;
  readonly sizes: Sizes;
}

export function runCell(
  between: readonly string[],
  cell: Cell,
  seed: number,
  which: readonly Arm[],
  s = sizes,
): Outcome[] {
  const reader = new Reader();
  using trainer = new Trainer(reader.table);
  const b: Bench = { reader, trainer, between, seed, cell, sizes: s };
  const tell = (n: number, name: string, unseen = false) =>
    books(between, { n, seed, name, chunks: cell.chunks, dependence: cell.dependence, unseen });
  const train = tell(s.train, "train");
  const tests = [tell(s.test, "test"), tell(s.test, "unseen", true)] as const;
  const starts = new Map<boolean, Weights>();
  const startOf = (context: boolean): Weights => {
    const old = starts.get(context);
    if (old) return old;
    const shown = demonstrationsOf(b, train, context, { n: s.demonstrations }, "start").nodes;
    const made = clone(trainer, freshWeights(rng(seed, "weights")), shown, rng(seed, "clone"));
    starts.set(context, made);
    return made;
  };
  const figures = (arm: Arm | "start", weights: Weights, context: boolean) => {
    const policy = greedy(new Scorer(reader.table, weights));
    const trees = tests.map((set) => set.map((book) => reader.tree(book, policy, { context })));
    const right = trees[0]!.map((nodes, i) =>
      nodes.map((n) => [n.height, wrongs(n.output, readNode(tests[0][i]!, n)) === 0] as const),
    );
    const share = (above: boolean) => {
      const of = right.flat().filter(([height]) => height > 0 === above);
      return of.filter(([, ok]) => ok).length / of.length;
    };
    const roots = trees.map((set, k) =>
      set.map((nodes, i) => accuracy(nodes.at(-1)!.output, tests[k]![i]!.truth)),
    );
    return { arm, books: roots[0]!, unseen: roots[1]!, leaves: share(false), above: share(true) };
  };
  const outcomes: Outcome[] = [
    {
      ...figures("start", startOf(true), true),
      labels: 0,
      minutes: 0,
      reward: Number.NaN,
      gain: 0,
    },
  ];
  // gold costs nobody a minute: as many labels as the tree's people gave
  let asTree = cell.labels;
  for (const arm of which) {
    const context = arm !== "G";
    const start = startOf(context);
    if (arm === "H") {
      const more = demonstrationsOf(
        b,
        train,
        true,
        { n: cell.labels, minutes: cell.minutes },
        "more",
      );
      const first = demonstrationsOf(b, train, true, { n: s.demonstrations }, "start").nodes;
      const all = [...first, ...more.nodes];
      const made = clone(trainer, freshWeights(rng(seed, "weights")), all, rng(seed, "clone more"));
      const { minutes, nodes } = more;
      outcomes.push({
        ...figures(arm, made, true),
        labels: nodes.length,
        minutes,
        reward: Number.NaN,
        gain: 0,
      });
      continue;
    }
    const gold = arm === "D" || arm === "E";
    const limit = gold ? { n: asTree ?? 0 } : { n: cell.labels, minutes: cell.minutes };
    const { labels, minutes } = labelsOf(b, arm, start, train, limit, "labels");
    if (arm === "A") asTree ??= labels.length;
    const fresh = labelsOf(b, arm, start, train, { n: 200 }, "fresh").labels;
    const reward = rewardModel(trainer, reader, start, labels, {
      scope: arm === "B" || arm === "C" || arm === "D" ? "tree" : "node",
      draw: rng(seed, "reward", arm),
    });
    const made = improve(trainer, reader, {
      clone: start,
      reward,
      books: train,
      context,
      draw: rng(seed, "ppo", arm),
    });
    const scorer = new Scorer(reader.table, reward);
    outcomes.push({
      ...figures(arm, made, context),
      labels: labels.length,
      minutes,
      reward: rewardAccuracy(scorer, fresh),
      gain: gainOf(b, scorer, { start, made, context }, tests[0]),
      ...(arm === "A" && {
        heights: judgedTwice(b, start, scorer, train),
        orders: inOrders(b, made, tests[0]),
      }),
    });
  }
  return outcomes;
}

function gainOf(
  b: Bench,
  reward: Scorer,
  o: { readonly start: Weights; readonly made: Weights; readonly context: boolean },
  test: readonly Book[],
): number {
  const of = (weights: Weights) => {
    const policy = greedy(new Scorer(b.reader.table, weights));
    const nodes = test.flatMap((book) => b.reader.tree(book, policy, o));
    const sides = nodes.flatMap((n) =>
      n.groups.map((g, i) => [g.candidates[n.chosen[i]!]!.id, 1] as const),
    );
    return sides.reduce(
      (s, [id]) => s + marginOf(reward, { sides: new Map([[id, 1]]), second: true }),
      0,
    );
  };
  return (of(o.made) - of(o.start)) / test.length;
}

function inOrders(b: Bench, weights: Weights, test: readonly Book[]) {
  const policy = greedy(new Scorer(b.reader.table, weights));
  const of = (order: ReadOrder) => {
    const lag = readOrders[order];
    const read = lag === undefined ? { context: false } : { context: true, lag };
    return test.map((book) =>
      accuracy(b.reader.tree(book, policy, read).at(-1)!.output, book.truth),
    );
  };
  return {
    strict: of("strict"),
    "lag:1": of("lag:1"),
    "lag:3": of("lag:3"),
    none: of("none"),
  };
}

const TWICE = 200;
/** Nodes of every height alike, two outputs each, two people: what `heightDrift` reads. */
function judgedTwice(
  b: Bench,
  start: Weights,
  reward: Scorer,
  train: readonly Book[],
): HeightJudgment[] {
  const draw = rng(b.seed, "heights");
  const choose = sampling(new Scorer(b.reader.table, start), draw);
  const rows: HeightJudgment[] = [];
  for (let i = 0; i < TWICE; i++) {
    const at = draw.int(train.length);
    const book = train[at]!;
    const tree = b.reader.tree(book, choose, { context: true });
    const height = draw.int(tree.at(-1)!.height + 1);
    const nodes = tree.filter((n) => n.height === height && n.groups.length > 0);
    if (nodes.length === 0) continue;
    const pair = pairOf({ book, nodes }, choose, draw);
    if (!pair) continue;
    for (const by of ["first reader", "second reader"]) {
      const { label, likert } = judgePair("A", pair, { noise: b.cell.noise, draw });
      rows.push({
        book: `${b.seed} ${at}`,
        height,
        pair: `${i}`,
        by,
        second: label.second,
        likert,
        margin: marginOf(reward, label),
      });
    }
  }
  return rows;
}

interface Limit {
  readonly n?: number | undefined;
  readonly minutes?: number | undefined;
}
const TRIES = 20; // draws for a label: pairs that are alike are not asked about

/** Labels until the count or the minutes are reached; the one that would go over is not begun. */
export function labelsOf(
  b: Pick<Bench, "reader" | "seed" | "cell">,
  arm: Exclude<Arm, "H">,
  start: Weights,
  train: readonly Book[],
  limit: Limit,
  name: string,
): { labels: Label[]; minutes: number } {
  const draw = rng(b.seed, name, arm);
  const choose = sampling(new Scorer(b.reader.table, start), draw);
  const context = arm !== "G";
  const labels: Label[] = [];
  let minutes = 0;
  let sample: Sampled | undefined;
  for (
    let tried = 0;
    labels.length < (limit.n ?? Infinity) && tried < TRIES * (labels.length + 50);
    tried++
  ) {
    // one tree gives several node labels, and one label of its root
    if (!sample || tried % 4 === 0 || arm === "B" || arm === "C" || arm === "D") {
      const book = draw.choose(train);
      sample = { book, nodes: b.reader.tree(book, choose, { context }) };
    }
    const { reader, cell } = b;
    const label = labelOf(arm, { reader, sample, choose, noise: cell.noise, draw });
    if (!label) continue;
    if (minutes + label.minutes > (limit.minutes ?? Infinity)) break;
    minutes += label.minutes;
    labels.push(label);
  }
  return { labels, minutes };
}

function demonstrationsOf(
  b: Bench,
  train: readonly Book[],
  context: boolean,
  limit: Limit,
  name: string,
): { nodes: Node[]; minutes: number } {
  const by = demonstrators(rng(b.seed, "demonstrators"));
  const draw = rng(b.seed, "demonstrations", name);
  const nodes: Node[] = [];
  let minutes = 0;
  for (;;) {
    const book = draw.choose(train);
    const tree = b.reader.tree(book, demonstrating(book, by, draw), { context });
    for (const node of draw.shuffle(tree.filter((n) => n.groups.length > 0)).slice(0, 4)) {
      const more = demonstrationMinutes(node);
      if (nodes.length >= (limit.n ?? Infinity) || minutes + more > (limit.minutes ?? Infinity))
        return { nodes, minutes };
      minutes += more;
      nodes.push(node);
    }
  }
}
