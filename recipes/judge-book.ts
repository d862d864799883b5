/**
 * Summaries of a tree judged by people (Wu et al. 2021): three samples of a policy for a node, read once, three pairs and ratings; for some
 * of them, drawn by the seed, the same person's second look with the book's own words.
 *
 *   nodes of a stage -> three samples each -> people compare and rate -> some down to the book -> labels, and the next stage
 *
 * The curriculum is the input's: first passages, then the first part with all below it, then any height and any node of it. It moves on once
 * a stage has `enough` judgments and their mean rating is `good`, or nothing is left in it. Labels carry what was read, by hash.
 */
import { z } from "zod";
import { comparePaired, treeCheck, treeCompare } from "@tiller/crowd";
import { asItWas, type Flow, workflow } from "@tiller/flow";
import {
  chooseNodes,
  JudgedNode,
  judgment,
  keepPrompt,
  pairsOf,
  stages,
  writeJudgments,
  writeSamples,
} from "@tiller/trees";

const Policy = {
  model: z.string().describe("who writes the samples"),
  people: z.int().min(1).default(1).describe("who judge each node"),
  spotCheck: z.number().min(0).max(1).default(0.1).describe("share that is checked by the book"),
};
const Input = z.strictObject({
  tree: z.string(),
  ...Policy,
  nodes: z.int().min(1).default(60).describe("in all, at most"),
  batch: z.int().min(1).default(10).describe("asked at once, before the stage is looked at again"),
  stages: z
    .array(z.enum(stages))
    .min(1)
    .default([...stages]),
  enough: z.int().min(1).default(20).describe("judged nodes, before a stage may be left"),
  good: z.number().min(1).max(7).default(4).describe("mean overall rating, above which it is left"),
});

export const judgeBook = workflow(
  "judge-book@2",
  Input,
  async (flow, { tree, nodes, batch, stages: order, enough, good, ...policy }) => {
    const labels: Label[] = [];
    const course: { stage: string; judged: number; mean: number | null }[] = [];
    for (const stage of order) {
      const here: Label[] = [];
      while (labels.length < nodes) {
        const most = Math.min(batch, nodes - labels.length);
        const not = labels.map((l) => l.node.id);
        const chosen = await flow.step(`choose ${stage}`, ({ store: { db } }) =>
          chooseNodes(db, tree, { stage, most, not, seed: flow.seed }),
        );
        if (chosen.length === 0) break;
        const judged = await flow.map(`judge ${stage}`, chosen, (node) =>
          flow.child(judgeNode, { tree, node, ...policy }),
        );
        for (const label of judged) {
          labels.push({ ...label, stage });
          here.push({ ...label, stage });
        }
        if (here.length >= enough && meanOf(here)! >= good) break;
      }
      course.push({ stage, judged: here.length, mean: meanOf(here) });
    }
    const spot = labels.flatMap((l) => l.checks.map((c) => ({ a: c.bookOverall, b: c.overall })));
    const effect = spot.length > 1 ? comparePaired(spot, { seed: flow.seed }) : null;
    return {
      labels: await flow.save("tree-labels", labels), // Wu et al.'s: a node, its samples, who said what
      pairs: await flow.save("tree-pairs", labels.flatMap(pairsOf)), // TRL's: prompt, chosen, rejected
      course,
      spotChecks: spot.length,
      effect,
    };
  },
  {
    title: "Judge a book's summaries",
    labelling: true,
    migrate: { "judge-book@1": asItWas(Input) },
    asks: (c) => ({
      "tree-compare": c.nodes * c.people,
      "tree-check": Math.round(c.nodes * c.spotCheck),
    }),
  },
);

type Label = Awaited<ReturnType<typeof judged>> & { readonly stage: string };
/** Of all ratings of samples, "overall". */
const meanOf = (labels: readonly Label[]): number | null => {
  const all = labels.flatMap((l) =>
    l.answers.flatMap(({ value: v }) => [v.firstOverall, v.secondOverall, v.thirdOverall]),
  );
  return all.length === 0 ? null : all.reduce((a, b) => a + b) / all.length;
};

async function judged(
  flow: Flow,
  c: { tree: string; node: JudgedNode; model: string; people: number; spotCheck: number },
) {
  const { where, earlier, text, book } = c.node;
  const summaries = await writeSamples(flow, c.model, c.node);
  const about = { where, earlier, text };
  const { answers, people } = await flow.ask(
    treeCompare,
    { ...about, summaries },
    { people: c.people },
  );
  const down = flow.rng.next() < c.spotCheck;
  const [summary] = summaries;
  const checks = down
    ? await flow.ask(treeCheck, { ...about, summary, book }, { only: people.slice(0, 1) })
    : { values: [], answers: [] };
  await flow.step("keep", async ({ key, store }) => {
    const said = [
      ...answers.map((a) =>
        judgment(
          "compare",
          c.node,
          summaries,
          a,
          summaries.map(() => c.model),
        ),
      ),
      ...checks.answers.map((a) => judgment("check", c.node, [summary], a, [c.model])),
    ];
    await keepPrompt(store.db, c.node.prompt);
    await writeJudgments(
      store.db,
      c.tree,
      said.map((j, i) => ({ asked: `${key} ${i}`, ...j })),
    );
  });
  return { node: c.node, summaries, answers, checks: checks.values };
}
/** One node. */
export const judgeNode = workflow(
  "judge-node@2",
  z.strictObject({ tree: z.string(), node: JudgedNode, ...Policy }),
  judged,
  { labelling: true },
);
