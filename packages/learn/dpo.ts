/**
 * Direct preference optimisation (Rafailov et al. 2023, eq. 7). The policy is its own reward model: beta times the log of
 * its probability over the reference's, which is the model that it starts from.
 * Differences from the paper: a label may be a probability, as raters' posteriors are (`labels: "soft"`, conservative DPO
 * by Mitchell 2023, its smoothing taken from each pair); undecided pairs are left out.
 * Run: npm run tiller -- train dpo PAIRS.jsonl --base models/base --out DIR
 */
import { z } from "zod";
import { defineJob, type JobContext, NewCheckpoint } from "@tiller/schema";
import { add, logSigmoid, mul, neg, sub } from "@tiller/tensor";
import {
  chosenLessRejected,
  learnFromPairs,
  type PairFormula,
  pairInput,
  pairMetrics,
  pairTraining,
} from "./preference.ts";

export const DpoConfig = z.strictObject({
  ...pairTraining,
  beta: z.number().positive().default(0.1).describe("how dear it is to move from the reference"),
  labels: z
    .enum(["hard", "soft"])
    .default("hard")
    .describe("hard: the likelier side is the better one; soft: with the label's probability"),
});
const Input = pairInput(DpoConfig);
export const dpoJob = defineJob({
  kind: "dpo",
  module: import.meta.url,
  input: Input,
  output: NewCheckpoint,
  run: dpo,
  metrics: pairMetrics,
});

/** -[q log s(m) + (1 - q) log s(-m)], m = beta (log pi/ref of chosen - that of rejected). ln 2 before the first step. */
export const dpoFormula =
  (c: Pick<z.infer<typeof DpoConfig>, "beta" | "labels">): PairFormula =>
  ({ g, logps, reference, q }) => {
    const rewards = mul(sub(logps, reference), c.beta); // (B, 2)
    const margin = chosenLessRejected(rewards); // (B)
    if (c.labels === "hard") return { each: neg(logSigmoid(margin)), rewards };
    const other = mul(sub(g.scalar(1), q), logSigmoid(neg(margin)));
    return { each: neg(add(mul(q, logSigmoid(margin)), other)), rewards };
  };

export function dpo(input: z.infer<typeof Input>, job: JobContext): Promise<NewCheckpoint> {
  return learnFromPairs(input, job, {
    name: "dpo",
    formula: dpoFormula(input.config),
    reference: true,
  });
}
