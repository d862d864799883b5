/**
 * SimPO (Meng et al. 2024, eq. 6): no reference; a response's reward is beta times its mean log-prob a token, and the
 * chosen one has to win by a target margin.
 * Run: npm run tiller -- train simpo PAIRS.jsonl --base models/base --out DIR
 */
import { z } from "zod";
import { defineJob, type JobContext, NewCheckpoint } from "@tiller/schema";
import { div, logSigmoid, mul, neg, sub } from "@tiller/tensor";
import {
  chosenLessRejected,
  learnFromPairs,
  type PairFormula,
  pairInput,
  pairMetrics,
  pairTraining,
} from "./preference.ts";

export const SimpoConfig = z.strictObject({
  ...pairTraining,
  beta: z.number().positive().default(2).describe("scale of the mean log-prob"),
  gamma: z.number().nonnegative().default(1).describe("margin by which the chosen one has to win"),
});
const Input = pairInput(SimpoConfig);
export const simpoJob = defineJob({
  kind: "simpo",
  module: import.meta.url,
  input: Input,
  output: NewCheckpoint,
  run: simpo,
  metrics: pairMetrics,
});

/** -log s(r_chosen - r_rejected - gamma), r = beta log pi(y | x) / |y|. */
export const simpoFormula =
  (c: Pick<z.infer<typeof SimpoConfig>, "beta" | "gamma">): PairFormula =>
  ({ logps, lengths }) => {
    const rewards = mul(div(logps, lengths), c.beta); // (B, 2)
    return { each: neg(logSigmoid(sub(chosenLessRejected(rewards), c.gamma))), rewards };
  };

export function simpo(input: z.infer<typeof Input>, job: JobContext): Promise<NewCheckpoint> {
  return learnFromPairs(input, job, {
    name: "simpo",
    formula: simpoFormula(input.config),
    reference: false,
  });
}
