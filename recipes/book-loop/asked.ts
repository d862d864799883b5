/** What people are asked in the loop over a book: summaries of one node by several, and which of three is better, by others than wrote them. */
import { z } from "zod";
import { treeCompare, treeSummary } from "@tiller/crowd";
import { type Flow, workflow } from "@tiller/flow";
import { PersonId } from "@tiller/schema";
import {
  type ChosenNode,
  JudgedNode,
  judgment,
  keepPrompt,
  writeAnswer,
  writeJudgments,
} from "@tiller/trees";

/** What several people wrote about a node. */
export interface Written extends ChosenNode {
  readonly texts: readonly string[];
  /** whose each of them is */
  readonly by: readonly string[];
  readonly writers: readonly PersonId[];
}

/** Several people's summaries of each node, each kept in the tree with what it was made from. */
export async function askWriters(
  flow: Flow,
  nodes: readonly ChosenNode[],
  people: number,
): Promise<Written[]> {
  const items = nodes.map(({ node: { where, earlier, text, cap } }, i) => ({
    id: `${i}`,
    input: { where, earlier, text, cap },
  }));
  const asked = await flow.askAll("written", treeSummary, items, { people });
  await flow.step("keep written", async ({ key, store: { db } }) => {
    for (const [i, { answers }] of asked.entries())
      for (const [k, { value, by, answer, activeSeconds: seconds }] of answers.entries()) {
        const text = (value.summary ?? "").trim();
        await writeAnswer(db, `${key} ${i} ${k}`, nodes[i]!, { text, by, seconds, answer });
      }
  });
  return asked.map(({ answers }, i) => ({
    ...nodes[i]!,
    texts: answers.map((a) => (a.value.summary ?? "").trim()),
    by: answers.map((a) => a.by),
    writers: answers.flatMap((a) => a.person ?? []),
  }));
}

const Three = z.tuple([z.string(), z.string(), z.string()]);
/** Three summaries of a node, compared by people who wrote none of them; what they say is kept beside the tree. */
export const nodeCompared = workflow(
  "node-compared@2",
  z.strictObject({
    tree: z.string(),
    node: JudgedNode,
    summaries: Three,
    policies: Three.describe("whose each of them is"),
    people: z.int(),
    not: z.array(PersonId),
  }),
  async (flow, { tree, node, people, not, ...c }) => {
    const order = flow.rng.shuffle([0, 1, 2]); // nobody learns to tell whose they are
    const inOrder = (of: z.output<typeof Three>) => Three.parse(order.map((i) => of[i]));
    const summaries = inOrder(c.summaries);
    const policies = inOrder(c.policies);
    const { where, earlier, text } = node;
    const input = { where, earlier, text, summaries };
    const asked = await flow.ask(treeCompare, input, { people, not });
    await flow.step("keep", async ({ key, store: { db } }) => {
      await keepPrompt(db, node.prompt);
      const said = asked.answers.map((a) => judgment("compare", node, summaries, a, policies));
      await writeJudgments(
        db,
        tree,
        said.map((j, i) => ({ asked: `${key} ${i}`, ...j })),
      );
    });
    return { by: asked.people };
  },
  { labelling: true },
);
