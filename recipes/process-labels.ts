/**
 * Process labels with first-error stop (Lightman et al. 2023; Uesato et al. 2022): several people label the steps of a solution as far
 * as its first mistake.
 *
 *   solutions -> great, okay, unsure or bad a step, ends at the first bad -> shares of people a step -> rows for a step reward
 *
 * A step's label is the share of those who got to it that did not call it bad. It is the mistake where that is less than half, and
 * what stands after it is not learned from. Differs: unsure counts as not bad and is reported.
 */
import { z } from "zod";
import { stepLabels } from "@tiller/crowd";
import { workflow } from "@tiller/flow";
import { labelledSteps } from "@tiller/schema";

const Solution = z.strictObject({
  problem: z.string().min(1),
  steps: z.array(z.string().min(1)).min(1),
  firstError: z
    .int()
    .min(0)
    .nullable()
    .optional()
    .describe("where it is known: the step from 0, null: none"),
});

export const processLabels = workflow(
  "process-labels@1",
  z.strictObject({
    solutions: z.array(Solution).min(1),
    people: z.int().positive().default(3),
  }),
  async (flow, { solutions, people }) => {
    const items = solutions.map(({ problem, steps }, i) => ({
      id: `solution-${i}`,
      input: { problem, steps },
    }));
    const asked = await flow.askAll("labels", stepLabels, items, { people });
    const found = asked.map(({ answers }, i) => {
      const { problem, steps, firstError } = solutions[i]!;
      const said = answers.map((a) => a.value.labels);
      const { shares, mistake } = firstMistake(said, steps.length);
      return { problem, steps, labels: shares, mistake, known: firstError };
    });
    const rows = found.map(({ problem, steps, labels }) => ({ prompt: problem, steps, labels }));
    const checked = found.filter((f) => f.known !== undefined);
    const unsure = asked.flatMap((x) => x.answers.flatMap((a) => a.value.labels));
    return {
      rows: await flow.dataset("steps", rows, labelledSteps),
      mistakes: found.map((f) => f.mistake),
      unsure: unsure.filter((l) => l === "unsure").length / unsure.length,
      located: { right: checked.filter((f) => f.mistake === f.known).length, of: checked.length },
    };
  },
  { title: "Process labels", labelling: true },
);

/** Of each step that somebody got to, up to the first that most of them call bad. */
export function firstMistake(said: readonly (readonly string[])[], steps: number) {
  const shares: number[] = [];
  for (let s = 0; s < steps; s++) {
    const reached = said.filter((labels) => labels.length > s);
    if (reached.length === 0) break;
    shares.push(reached.filter((labels) => labels[s] !== "bad").length / reached.length);
    if (shares[s]! < 0.5) return { shares, mistake: s };
  }
  return { shares, mistake: null };
}
