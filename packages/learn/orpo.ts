/**
 * ORPO (Hong et al. 2024, eqs. 6 and 7): supervised learning of the chosen response and, beside it, odds against the
 * rejected one; no reference. Probabilities are the geometric means over a response's tokens.
 * Run: npm run tiller -- train orpo PAIRS.jsonl --base models/base --out DIR
 */
import { z } from "zod";
import { defineJob, type JobContext, NewCheckpoint } from "@tiller/schema";
import {
  add,
  div,
  exp,
  log,
  logSigmoid,
  minimum,
  mul,
  neg,
  sub,
  type Tensor,
} from "@tiller/tensor";
import {
  chosen,
  chosenLessRejected,
  learnFromPairs,
  type PairFormula,
  pairInput,
  pairMetrics,
  pairTraining,
} from "./preference.ts";

export const OrpoConfig = z.strictObject({
  ...pairTraining,
  lambda: z.number().nonnegative().default(0.1).describe("weight of the odds beside likelihood"),
});
const Input = pairInput(OrpoConfig);
export const orpoJob = defineJob({
  kind: "orpo",
  module: import.meta.url,
  input: Input,
  output: NewCheckpoint,
  run: orpo,
  metrics: pairMetrics,
});

/** log(p / (1 - p)) of a mean log-prob, kept off p = 1. */
const logOdds = (logp: Tensor): Tensor => {
  const below = minimum(logp, -1e-6);
  return sub(below, log(sub(logp.graph.scalar(1), exp(below))));
};
/** -log p_chosen - lambda log s(log odds_chosen - log odds_rejected), p the mean over tokens. */
export const orpoFormula =
  (c: Pick<z.infer<typeof OrpoConfig>, "lambda">): PairFormula =>
  ({ logps, lengths }) => {
    const each = div(logps, lengths); // (B, 2)
    const odds = logSigmoid(chosenLessRejected(logOdds(each)));
    return {
      each: neg(add(chosen(each), mul(odds, c.lambda))),
      rewards: mul(each, c.lambda),
    };
  };

export function orpo(input: z.infer<typeof Input>, job: JobContext): Promise<NewCheckpoint> {
  return learnFromPairs(input, job, {
    name: "orpo",
    formula: orpoFormula(input.config),
    reference: false,
  });
}
