/**
 * A tree's labels as datasets (Wu et al. 2021): what people wrote (`tree-demonstrations`, prompt and completion) and which of two summaries
 * they found better (`tree-pairs`, several judges as one label by how far each is to be relied on). Selected by age: what was said of exactly
 * what a node is made from now, also beside other earlier summaries, or of anything.
 *
 *   trees -> their labels, as old as allowed -> two datasets, each row with its node, height, address and judgments
 */
import { z } from "zod";
import { type Flow, workflow } from "@tiller/flow";
import { type Demonstration, demonstrations, treePairs } from "@tiller/schema";
import { ages, type Compared, type Demonstrated, labelsOf, treePairsOf } from "@tiller/trees";

export const LabelAge = z
  .enum(ages)
  .default("drifted")
  .describe("labels of exactly what a node reads now, also beside other earlier summaries, or any");

/** All labels of trees; those that are left out are counted. */
export const labelsOfTrees = (
  flow: Flow,
  name: string,
  trees: readonly string[],
  age: z.output<typeof LabelAge>,
) =>
  flow.step(name, async ({ store: { db } }) => {
    const all = await Promise.all(trees.map((tree) => labelsOf(db, tree, age)));
    return {
      shown: all.flatMap((l) => l.demonstrations),
      compared: all.flatMap((l) => l.compared),
      left: all.map((l, i) => ({ tree: trees[i]!, ...l.left })),
    };
  });
export const saveDemonstrations = (flow: Flow, rows: readonly Demonstrated[]) =>
  flow.dataset<Demonstration>(
    "tree-demonstrations",
    rows.map((r) => ({ ...r })),
    demonstrations,
  );
export const savePairs = (flow: Flow, compared: readonly Compared[]) =>
  flow.dataset("tree-pairs", treePairsOf(compared), treePairs);

export const treeDatasets = workflow(
  "tree-datasets@1",
  z.strictObject({ trees: z.array(z.string()).min(1), age: LabelAge }),
  async (flow, { trees, age }) => {
    const { shown, compared, left } = await labelsOfTrees(flow, "labels", trees, age);
    return {
      demonstrations: shown.length > 0 ? await saveDemonstrations(flow, shown) : null,
      pairs: compared.length > 0 ? await savePairs(flow, compared) : null,
      left,
    };
  },
  { title: "A tree's labels as datasets", labelling: true },
);
