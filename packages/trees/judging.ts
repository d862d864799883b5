/** Which nodes of a tree are judged next, what is read of them, and three samples of each. */
import { z } from "zod";
import type { Ask, Plan } from "@tiller/book";
import type { Address } from "@tiller/book/keys.ts";
import type { PlanNode } from "@tiller/book/plan.ts";
import type { Flow } from "@tiller/flow";
import { pairFields, rng, type ThreePairs, TreeNodeName } from "@tiller/schema";
import type { Db } from "@tiller/store";
import { drawn, whereOf } from "./ask.ts";
import { count } from "./plan.ts";
import { asker, readStanding, writeEntry } from "./rows.ts";

/** Wu et al.'s curriculum: passages; the first part and all below it; a height by chance, and a node of it. */
export const stages = ["leaves", "subtree", "tree"] as const;
type Stage = (typeof stages)[number];

export const JudgedNode = z.strictObject({
  id: TreeNodeName,
  height: z.int(),
  key: z.string().describe("its address: what the labels are about"),
  saw: z.string().describe("what was read, by hash"),
  seed: z.int(),
  cap: z.int(),
  prompt: z.string(),
  where: z.string(),
  earlier: z.array(z.string()),
  text: z.string(),
  book: z.string().describe("the book's own words below it"),
});
export type JudgedNode = z.infer<typeof JudgedNode>;

interface Choose {
  readonly stage: Stage;
  readonly most: number;
  readonly not: readonly string[];
  readonly seed: number;
}
/** Nodes of a stage whose input stands, by chance; `not`: those that were judged. */
export const chooseNodes = async (db: Db, tree: string, o: Choose): Promise<JudgedNode[]> =>
  (await chooseAsks(db, tree, o)).map(({ node }) => node);

/** A node to be written or judged, and what an answer for it is addressed by. */
export interface ChosenNode {
  readonly tree: string;
  readonly node: JudgedNode;
  readonly address: Address;
  readonly promptTokens: number;
}
export async function chooseAsks(db: Db, tree: string, o: Choose): Promise<ChosenNode[]> {
  const now = await readStanding(db, tree);
  const { plan, outputs } = now;
  const asks = asker(now);
  const first = plan.levels[1]?.[0];
  const inStage = (n: PlanNode) =>
    o.stage === "tree" ||
    (n.height === 0 && (o.stage === "leaves" || n.parent === first?.id)) ||
    (o.stage === "subtree" && n === first);
  const free = plan.levels.map((level) =>
    level.filter((n) => inStage(n) && outputs.has(n.id) && !o.not.includes(n.id)),
  );
  const draw = rng(o.seed, "judge", o.stage, o.not.length);
  const chosen: ChosenNode[] = [];
  while (chosen.length < o.most) {
    const heights = free.filter((level) => level.length > 0);
    if (heights.length === 0) break;
    const level = draw.choose(heights);
    const [node] = level.splice(draw.int(level.length), 1);
    const ask = asks(node!);
    const { input, context, maker, tokens: promptTokens } = ask;
    const address = { input, context, maker };
    chosen.push({ tree, node: seenOf(plan.text, node!, ask), address, promptTokens });
  }
  return chosen;

  function seenOf(text: string, node: PlanNode, ask: Ask): JudgedNode {
    const { key, saw, seed, earlier } = ask;
    const { from, to } = coveredBy(plan, node);
    const book = text.slice(from, to).trim();
    const where = whereOf(plan, ask);
    const { id, height, cap } = node;
    return {
      id,
      height,
      cap,
      key,
      saw,
      seed,
      prompt: ask.prompt,
      where,
      earlier: [...earlier],
      text: ask.text,
      book,
    };
  }
}
/** The book's characters that a node stands for. */
export function coveredBy(plan: Plan, node: PlanNode): { from: number; to: number } {
  const edge = (n: PlanNode, at: 0 | -1): { from: number; to: number } =>
    n.span ?? edge(plan.nodes.get(n.children.at(at)!)!, at);
  return { from: edge(node, 0).from, to: edge(node, -1).to };
}

/** What somebody wrote of a node at the desk, beside what others did: kept in the tree, and stands there when it is grown again. */
export async function writeAnswer(
  db: Db,
  asked: string,
  { tree, node, address, promptTokens }: ChosenNode,
  a: {
    readonly text: string;
    readonly by: string;
    readonly seconds: number;
    readonly answer: string | null;
  },
): Promise<void> {
  const { id, saw, earlier, text: read } = node;
  const { text, seconds, answer } = a;
  const author = { kind: "person", name: a.by } as const;
  const made = { text, author, promptTokens, tokens: count(text), seconds, cost: 0 };
  const entry = { node: id, ...address, saw, ...made };
  await writeEntry(db, tree, asked, entry, { answer, read: { earlier, text: read } });
}

/** Three draws at temperature 1, cut to the cap before anybody sees them. */
export async function writeSamples(
  flow: Flow,
  model: string,
  node: JudgedNode,
): Promise<[string, string, string]> {
  const { cap, seed } = node;
  const one = (k: number) =>
    drawn(flow, model, node.prompt, { name: `sample ${k}`, temperature: 1, seed: seed + k, cap });
  return [await one(1), await one(2), await one(3)];
}

/** A node's comparisons as TRL's preference rows; ties say nothing. */
export const pairsOf = (l: {
  readonly node: JudgedNode;
  readonly summaries: readonly [string, string, string];
  readonly answers: readonly {
    readonly value: ThreePairs;
    readonly answer: string | null;
  }[];
}) =>
  l.answers.flatMap(({ value, answer }) =>
    pairFields.flatMap(([field, a, b]) => {
      const choice = value[field];
      if (choice === "tie") return [];
      const [chosen, rejected] = choice === "a" ? [a, b] : [b, a];
      const { id: node, height, key, saw, prompt: read } = l.node;
      const about = { node, height, key, saw, judgments: answer === null ? [] : [answer] };
      return [
        { prompt: read, chosen: l.summaries[chosen], rejected: l.summaries[rejected], ...about },
      ];
    }),
  );
