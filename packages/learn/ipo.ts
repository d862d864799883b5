/**
 * Identity preference optimisation (Azar et al. 2024, eq. 17): the margin of log-ratios is drawn to 1 / (2 tau) and not to
 * infinity, so that pairs everybody agrees on do not push the policy away from its reference without end.
 * Differences from the paper: with `average` (off) log-probs are means over tokens, as TRL has it.
 * Run: npm run tiller -- train ipo PAIRS.jsonl --base models/base --out DIR
 */
import { z } from "zod";
import { defineJob, type JobContext, NewCheckpoint } from "@tiller/schema";
import { div, mul, square, sub } from "@tiller/tensor";
import {
  chosenLessRejected,
  learnFromPairs,
  type PairFormula,
  pairInput,
  pairMetrics,
  pairTraining,
} from "./preference.ts";

export const IpoConfig = z.strictObject({
  ...pairTraining,
  tau: z.number().positive().default(0.1).describe("the margin is drawn to 1 / (2 tau) nats"),
  average: z.boolean().default(false).describe("log-probs are means over a response's tokens"),
});
const Input = pairInput(IpoConfig);
export const ipoJob = defineJob({
  kind: "ipo",
  module: import.meta.url,
  input: Input,
  output: NewCheckpoint,
  run: ipo,
  metrics: { ...pairMetrics, loss: { ...pairMetrics.loss, unit: "nats squared a pair" } },
});

/** (h - 1 / (2 tau))^2, h = log pi/ref of chosen - that of rejected. */
export const ipoFormula =
  (c: Pick<z.infer<typeof IpoConfig>, "tau" | "average">): PairFormula =>
  ({ logps, reference, lengths }) => {
    const ratios = sub(logps, reference); // (B, 2)
    const h = chosenLessRejected(c.average ? div(ratios, lengths) : ratios);
    return { each: square(sub(h, 1 / (2 * c.tau))), rewards: mul(ratios, c.tau) };
  };

export function ipo(input: z.infer<typeof Input>, job: JobContext): Promise<NewCheckpoint> {
  return learnFromPairs(input, job, {
    name: "ipo",
    formula: ipoFormula(input.config),
    reference: true,
  });
}
