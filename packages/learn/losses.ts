/** Losses for the trainer. One of your own is such a function too. */
import {
  add,
  div,
  gather,
  logSigmoid,
  mean,
  mul,
  neg,
  reshape,
  sub,
  sizeOf,
  sum,
  type Tensor,
} from "@tiller/tensor";
import { largest } from "@tiller/schema";
import { type Batch, bucket, type Loss, tokens } from "./trainer.ts";

/** Rows of tokens to learn to go on with; `from`: the first one that counts, so that a prompt does not. */
export interface Row {
  readonly tokens: readonly number[];
  readonly from?: number;
}
/** ids and labels (B, T), and weights (B, T) that are 1 where the next token counts. */
export function nextTokens(rows: readonly Row[], o: { readonly length?: number } = {}): Batch {
  const T = o.length ?? bucket(largest(rows.map((r) => r.tokens.length - 1)));
  const data = new Float32Array(rows.length * T);
  rows.forEach((r, b) => {
    for (let t = Math.max(0, (r.from ?? 1) - 1); t < r.tokens.length - 1; t++) data[b * T + t] = 1;
  });
  return {
    ids: tokens(
      rows.map((r) => r.tokens.slice(0, -1)),
      T,
    ),
    labels: tokens(
      rows.map((r) => r.tokens.slice(1)),
      T,
    ),
    weights: { shape: [rows.length, T], data },
  };
}
/** Over how many tokens the loss of such a batch is a mean: `weigh` of `forwardBackward`. */
export const weightOf = (batch: Batch): number => {
  let total = 0;
  const { data } = batch["weights"]!;
  for (let i = 0; i < data.length; i++) total += data[i]!;
  return total;
};

/** Mean cross-entropy of the tokens that count: supervised fine-tuning. Sees `logprobs` (B, T). */
export const nextTokenLoss: Loss = ({ batch, hidden, logprobs: of }) => {
  const { ids, labels, weights } = batch as Record<"ids" | "labels" | "weights", Tensor>;
  const n = sizeOf(ids.shape);
  const logprobs = reshape(of(hidden(ids), reshape(labels, [n])), ids.shape);
  return { loss: neg(div(sum(mul(logprobs, weights)), sum(weights))), seen: { logprobs } };
};

/**
 * -[p log s(b - a) + (1 - p) log s(a - b)] of compared texts (Stiennon et al. 2020): ids (B, 2, T), a before b; `last`
 * (B, 2), the row of each text's last token among B 2 T; p (B), the probability that b is better. Sees `rewards` (B, 2).
 */
export const comparisonLoss: Loss = ({ g, batch, hidden, scores }) => {
  const { ids, last, p } = batch as Record<"ids" | "last" | "p", Tensor>;
  const [B, , T] = ids.shape as [number, number, number];
  const rows = gather(hidden(reshape(ids, [2 * B, T])), reshape(last, [2 * B]));
  const rewards = reshape(scores(rows), [B, 2]);
  const margin = sum(mul(rewards, g.constant([-1, 1], [1, 2])), [1]); // b - a
  const one = g.scalar(1);
  return {
    loss: neg(mean(add(mul(p, logSigmoid(margin)), mul(sub(one, p), logSigmoid(neg(margin)))))),
    seen: { rewards },
  };
};
