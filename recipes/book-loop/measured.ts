/**
 * What a round brought: by height, how often the policy's new output beats the stored one by the reward model, what people say of those that
 * changed most, and whether judging drifts with height. The reward is measured on comparisons that it has not learned from.
 */
import { heightDrift, type HeightJudgment, hashOf } from "@tiller/book";
import { type Figure, figureOf } from "@tiller/book/annotations.ts";
import type { Flow } from "@tiller/flow";
import { scoredRows, scoreJob } from "@tiller/learn";
import { type ChosenNode, type Compared, policyName, treeNodes, wordsOf } from "@tiller/trees";
import { written } from "./policy.ts";

interface Value {
  readonly tree: string;
  readonly node: string;
  readonly value: number;
}
const real = (x: number): number | null => (Number.isNaN(x) ? null : x);
const intervalOf = (f: Figure) => ({ value: f.mean, low: real(f.low), high: real(f.high), n: f.n });
/** A mean with an interval over drawn books; of one book, over its nodes. */
function meanOf(values: readonly Value[], seed: number) {
  const one = new Set(values.map((v) => v.tree)).size < 2;
  return intervalOf(
    figureOf(
      values.map((v) => ({ book: one ? v.node : v.tree, value: v.value })),
      seed,
    ),
  );
}

/** Three summaries of a node that are compared, and whose each of them is. */
export interface Three {
  readonly of: ChosenNode;
  readonly texts: readonly [string, string, string];
  readonly policies: readonly [string, string, string];
}
interface Again {
  readonly nodes: readonly ChosenNode[];
  readonly supervised: string;
  readonly policy: string;
  readonly reward: string;
  /** how many of the most changed are judged again */
  readonly changed: number;
}
export async function measured(
  flow: Flow,
  { nodes, supervised, policy, reward, changed }: Again,
  judge: (queue: Three[]) => Promise<{ all: Compared[]; fresh: Compared[] }>,
) {
  const { seed } = flow;
  const stored = await storedOf(flow, nodes);
  const now = await written(flow, "new", policy, nodes, { temperature: 0 });
  const scores = async (name: string, rows: { prompt: string; texts: string[] }[]) => {
    const texts = await flow.dataset(name, rows, scoredRows);
    return (await flow.job(name, scoreJob, { reward, texts })).output.rewards;
  };
  const rewards = await scores(
    "new beside stored",
    nodes.map(({ node }, i) => ({ prompt: node.prompt, texts: [stored[i]!.text, now[i]!] })),
  );
  const gains = nodes.flatMap((of, i) => {
    const [old, next] = rewards[i]!;
    if (old === null || next === null) return []; // an empty summary has no score
    const { text, by } = stored[i]!;
    return [{ of, old: text, by, next: now[i]!, gain: next! - old! }];
  });
  const beats = byHeight(
    gains,
    (g) => g.of.node.height,
    (g) => ({ tree: g.of.tree, node: g.of.node.id, value: g.gain > 0 ? 1 : g.gain < 0 ? 0 : 0.5 }),
    seed,
  );

  const queue = gains
    .filter((g) => g.old !== g.next)
    .toSorted((a, b) => Math.abs(b.gain) - Math.abs(a.gain))
    .slice(0, changed);
  const cloned = await written(
    flow,
    "cloned",
    supervised,
    queue.map((g) => g.of),
    { temperature: 0 },
  );
  const { all, fresh } = await judge(
    queue.map((g, i) => ({
      of: g.of,
      texts: [g.old, g.next, cloned[i]!],
      policies: [g.by, likeliest(policy), likeliest(supervised)],
    })),
  );

  // what people say of the new beside the stored one
  const texts = new Map(queue.map((g) => [`${g.of.tree} ${g.of.node.saw}`, g]));
  const votes = wordsOf(fresh).flatMap((w) => {
    const g = texts.get(`${w.tree} ${w.saw}`);
    const side =
      g && w.a === g.next && w.b === g.old
        ? "a"
        : g && w.b === g.next && w.a === g.old
          ? "b"
          : undefined;
    if (side === undefined) return [];
    return [
      {
        tree: w.tree,
        node: w.node,
        height: w.height,
        value: w.choice === "tie" ? 0.5 : w.choice === side ? 1 : 0,
      },
    ];
  });
  const wins = byHeight(
    votes,
    (v) => v.height,
    (v) => v,
    seed,
  );

  const words = wordsOf(all).filter((w) => w.choice !== "tie" && w.a !== w.b);
  const unknown = new Set(fresh.map((x) => `${x.tree} ${x.judgment.n}`));
  const margins = await scores(
    "judged",
    words.map((w) => ({ prompt: w.prompt, texts: [w.a, w.b] })),
  );
  const judged = words.map((w, i): HeightJudgment => {
    const [a, b] = margins[i]!;
    const known = unknown.has(`${w.tree} ${w.n}`) && a !== null && b !== null;
    const second = w.choice === "b";
    const pair = hashOf(w.node, w.a, w.b);
    const likert = w.ratings[second ? 1 : 0];
    return {
      book: w.tree,
      height: w.height,
      pair,
      by: w.by,
      second,
      likert,
      ...(known && { margin: b! - a! }),
    };
  });
  const drift = heightDrift(judged, seed).map(({ height, ...of }) => {
    const figure = (f: (typeof of)["agreement"]) =>
      f
        ? {
            ...intervalOf(f),
            change: {
              value: real(f.change.at),
              low: real(f.change.low),
              high: real(f.change.high),
            },
          }
        : null;
    return {
      height,
      agreement: figure(of.agreement),
      likert: figure(of.likert),
      reward: figure(of.reward),
    };
  });
  return { beats, wins, queued: queue.length, empty: nodes.length - gains.length, drift };
}

const byHeight = <T>(
  rows: readonly T[],
  heightOf: (row: T) => number,
  value: (row: T) => Value,
  seed: number,
) =>
  [...Map.groupBy(rows, heightOf)]
    .toSorted(([a], [b]) => a - b)
    .map(([height, of]) => ({ height, ...meanOf(of.map(value), seed) }));

/** The name of a policy whose likeliest words are read. */
const likeliest = (model: string) => policyName({ model, temperature: 0 });

/** What stands in each node, and whose it is. */
const storedOf = (flow: Flow, nodes: readonly ChosenNode[]) =>
  flow.step("stored by", async ({ store: { db } }) => {
    const trees = [...new Set(nodes.map((n) => n.tree))];
    const all = await Promise.all(trees.map((tree) => treeNodes(db, tree, 0)));
    const stands = new Map(
      all.flatMap(({ nodes: of }, i) =>
        of.map((n) => [
          `${trees[i]!} ${n.node}`,
          { text: n.text ?? "", by: n.author?.name ?? "nobody" },
        ]),
      ),
    );
    return nodes.map(({ tree, node }) => stands.get(`${tree} ${node.id}`)!);
  });
