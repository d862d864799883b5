/**
 * A loss with a reference model: direct preference optimisation (Rafailov et al. 2023, eq. 7) of the base model on a few
 * pairs. The reference is the model as it was opened: its log-probs are taken once, before the first step, and are a
 * field of the batch. Run: node examples/dpo.ts [steps]
 */
import { type Batch, type Loss, nextTokens, Trainer } from "@tiller/learn";
import { encodeAfter, encodePrompt } from "@tiller/lm";
import * as t from "@tiller/tensor";

const beta = 0.1;
const dpo: Loss = ({ g, batch, hidden, logprobs }) => {
  const { ids, labels, weights, reference } = batch; // (B, 2, T) thrice, chosen before rejected; (B, 2)
  const [B, , T] = ids!.shape as [number, number, number];
  const each = logprobs(hidden(t.reshape(ids!, [2 * B, T])), t.reshape(labels!, [2 * B * T]));
  const policy = t.sum(t.mul(t.reshape(each, [B, 2, T]), weights!), [2]); // (B, 2)
  const rewards = t.mul(t.sub(policy, reference!), beta);
  const margin = t.sum(t.mul(rewards, g.constant([1, -1], [1, 2])), [1]); // (B)
  return { loss: t.neg(t.mean(t.logSigmoid(margin))), metrics: { policy, margin } };
};

using trainer = await Trainer.open("models/base", { optimiser: { kind: "adamw", clip: 1 } });
const { tokenizer } = trainer.model;
const pairs = [
  { prompt: "The sea was", chosen: " calm and bright.", rejected: " the the the the." },
  { prompt: "Call me", chosen: " when the ship comes in.", rejected: " of of of of of." },
  { prompt: "We hope for", chosen: " a better year.", rejected: " war and war and war." },
].map((p) => ({
  query: encodePrompt(tokenizer, p.prompt).ids,
  responses: [p.chosen, p.rejected].map((text) => encodeAfter(tokenizer, p.prompt, text)),
}));
const rows = pairs.flatMap(({ query, responses }) =>
  responses.map((r) => ({ tokens: [...query, ...r], from: query.length })),
);
const flat = nextTokens(rows); // (2 B, T)
const T = flat["ids"]!.shape[1]!;
const inPairs = Object.fromEntries(
  Object.entries(flat).map(([name, field]) => [name, { ...field, shape: [pairs.length, 2, T] }]),
);
const asked = pairs.flatMap(({ query, responses }) =>
  responses.map((response) => ({ query, response })),
);
const reference = trainer.logprobs(asked).map((tokens) => tokens.reduce((a, b) => a + b, 0));
const batch: Batch = { ...inPairs, reference: { shape: [pairs.length, 2], data: reference } };

const steps = Number(process.argv[2] ?? 20);
for (let step = 1; step <= steps; step++) {
  // one pair at a time: the loss is a mean over pairs, which are the batch's rows, so parts add up to the whole
  const { loss, metrics } = trainer.forwardBackward(batch, dpo, { micro: 1 });
  trainer.optimStep({ lr: 1e-4 });
  console.log(
    `step ${step}: loss ${loss.toFixed(3)} margins ${[...metrics["margin"]!].map((m) => m.toFixed(2)).join(" ")}`,
  );
}
