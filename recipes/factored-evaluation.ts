/**
 * Factored evaluation of an argument (Ought 2020, "Evaluating Arguments One Step at a Time"): a claim tree, each step of it judged by
 * people who see that step and nothing else.
 *
 *   root claim -> each step to its own people ("assuming what is below it, how likely?") -> a low percentile of each -> the weakest step decides
 *
 * A false claim needs a false step somewhere. Steps without anything below them are taken as they stand. Differs: quotes and rebuttals
 * are taken to be as the tree has them; room import aligns them with the text.
 */
import { z } from "zod";
import { credence } from "@tiller/crowd";
import { workflow } from "@tiller/flow";
import { type Claim, ClaimTree, stepsOf } from "@tiller/room";
import { type PersonId, wilson } from "@tiller/schema";

const Limits = {
  people: z.int().positive().default(4).describe("for each step; nobody judges two of one tree"),
  percentile: z.number().min(0).max(100).default(50).describe("of a step's people, what counts"),
  threshold: z.number().min(0).max(100).default(50).describe("below it a step is not believed"),
};
export const factoredEvaluation = workflow(
  "factored-evaluation@1",
  z.strictObject({ trees: z.array(ClaimTree).min(1), ...Limits }),
  async (flow, { trees, ...limits }) => {
    const judged = await flow.map("trees", trees, (tree) =>
      flow.child(factoredTree, { tree, ...limits }),
    );
    const right = judged.filter((j) => j.believed === j.truth).length;
    const { low, high } = wilson(right, judged.length);
    return { judged, right, of: judged.length, low, high };
  },
  { title: "Factored evaluation", labelling: true },
);

/** One argument: its steps, each by other people, and the weakest of them. */
export const factoredTree = workflow(
  "factored-tree@1",
  z.strictObject({ tree: ClaimTree, ...Limits }),
  async (flow, { tree: { root, truth }, people, percentile, threshold }) => {
    let seen: PersonId[] = [];
    const steps: { path: string; likely: number }[] = [];
    for (const { path, node } of stepsOf(root).filter((s) => below(s.node).length > 0)) {
      const step = { claim: node.claim, evidence: below(node) };
      const asked = await flow.ask(credence, step, { people, not: seen, name: `step ${path}` });
      seen = [...seen, ...asked.people];
      const said = asked.values.map((v) => v.credence);
      steps.push({ path, likely: percentileOf(said, percentile) });
    }
    const weakest = steps.reduce((x, y) => (y.likely < x.likely ? y : x), {
      path: "1",
      likely: 100,
    });
    return { claim: root.claim, steps, weakest, believed: weakest.likely >= threshold, truth };
  },
  { labelling: true },
);

/** What a step rests on: the claims below it, else its quotes; and what was quoted against it. */
const below = (n: Claim): string[] => [
  ...(n.subclaims.length > 0
    ? n.subclaims.map((c) => `Assume: ${c.claim}`)
    : n.quotes.map((q) => `Quoted: “${q}”`)),
  ...n.rebuttals.map((q) => `Quoted against it: “${q}”`),
];
/** Linear between the people. */
export function percentileOf(xs: readonly number[], p: number): number {
  const sorted = xs.toSorted((a, b) => a - b);
  const at = (p / 100) * (sorted.length - 1);
  const low = Math.floor(at);
  return sorted[low]! + (at - low) * ((sorted[low + 1] ?? sorted[low]!) - sorted[low]!);
}
