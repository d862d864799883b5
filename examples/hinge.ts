/**
 * A method of your own in a page: sequence likelihood calibration (Zhao et al. 2023, eq. 2), a hinge on the margin between
 * a chosen and a rejected response, with the likelihood of the chosen one kept up beside it (their eq. 3, as
 * regularisation). `preferredBatch` makes the batch and `pairLoss` the loss of a formula; the rest is a loop.
 * Run: node examples/hinge.ts [steps]
 */
import { Trainer } from "@tiller/learn";
import {
  chosen,
  chosenLessRejected,
  encodePreferences,
  type PairFormula,
  pairLoss,
  preferredBatch,
} from "@tiller/learn/preference.ts";
import * as t from "@tiller/tensor";

const [margin, keep] = [1, 0.1];
/** each pair: max(0, margin - (log p chosen - log p rejected)) - keep log p chosen */
const formula: PairFormula = ({ g, logps }) => {
  const behind = t.maximum(t.sub(g.scalar(margin), chosenLessRejected(logps)), 0); // (B)
  return { each: t.sub(behind, t.mul(chosen(logps), keep)), rewards: logps };
};
const loss = pairLoss(formula);

using trainer = await Trainer.open("models/base", { optimiser: { kind: "adamw", clip: 1 } });
const given = [
  { prompt: "The sea was", chosen: " calm and bright.", rejected: " the the the the." },
  { prompt: "Call me", chosen: " when the ship comes in.", rejected: " of of of of of." },
  { prompt: "We hope for", chosen: " a better year.", rejected: " war and war and war." },
];
const { rows } = encodePreferences(trainer.model.tokenizer, given, {
  maxTokens: 64,
  long: "refuse",
  endOfText: false,
});
const steps = Number(process.argv[2] ?? 20);
for (let step = 1; step <= steps; step++) {
  const { loss: value, metrics } = trainer.forwardBackward(preferredBatch(rows), loss);
  trainer.optimStep({ lr: 1e-4 });
  const of = metrics["logps"]!; // (B 2)
  const margins = rows.map((_, i) => (of[2 * i]! - of[2 * i + 1]!).toFixed(1));
  console.log(`step ${step}: loss ${value.toFixed(3)}, margins ${margins.join(" ")}`);
}
