/**
 * Robust DPO (Chowdhury et al. 2024, eq. 12): labels are flipped with a known rate, and the loss is unbiased under it: its
 * mean over noisy labels is DPO's over clean ones. The rate comes from the raters: one less their reliability.
 * Run: npm run tiller -- train robust-dpo PAIRS.jsonl --base models/base --out DIR --flipped 0.2
 */
import { z } from "zod";
import { defineJob, type JobContext, NewCheckpoint } from "@tiller/schema";
import { logSigmoid, mul, neg, sub } from "@tiller/tensor";
import {
  chosenLessRejected,
  learnFromPairs,
  type PairFormula,
  pairInput,
  pairMetrics,
  pairTraining,
} from "./preference.ts";

export const RobustDpoConfig = z.strictObject({
  ...pairTraining,
  beta: z.number().positive().default(0.1).describe("how dear it is to move from the reference"),
  flipped: z.number().min(0).lt(0.5).default(0.1).describe("rate of labels that are wrong"),
});
const Input = pairInput(RobustDpoConfig);
export const robustDpoJob = defineJob({
  kind: "robust-dpo",
  module: import.meta.url,
  input: Input,
  output: NewCheckpoint,
  run: robustDpo,
  metrics: pairMetrics,
});

/** -[(1 - e) log s(m) - e log s(-m)] / (1 - 2 e), m as in DPO and e the rate of flipped labels. */
export const robustDpoFormula =
  ({ beta, flipped: e }: Pick<z.infer<typeof RobustDpoConfig>, "beta" | "flipped">): PairFormula =>
  ({ logps, reference }) => {
    const rewards = mul(sub(logps, reference), beta); // (B, 2)
    const margin = chosenLessRejected(rewards);
    const right = mul(logSigmoid(margin), (1 - e) / (1 - 2 * e));
    const wrong = mul(logSigmoid(neg(margin)), e / (1 - 2 * e));
    return { each: neg(sub(right, wrong)), rewards };
  };

export function robustDpo(input: z.infer<typeof Input>, job: JobContext): Promise<NewCheckpoint> {
  return learnFromPairs(input, job, {
    name: "robust-dpo",
    formula: robustDpoFormula(input.config),
    reference: true,
  });
}
