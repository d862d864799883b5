/**
 * The clipped surrogate of policy-gradient methods without a critic (Schulman et al. 2017, eq. 7), with the KL of the
 * sampled tokens in the loss where a method wants it there (GRPO). Batch: ids (B, T); at, labels, mask, old, reference,
 * importance, advantages (B, R).
 */
import {
  add,
  clamp,
  div,
  exp,
  gather,
  greater,
  less,
  max,
  minimum,
  mul,
  neg,
  reshape,
  sub,
  sum,
  type Tensor,
} from "@tiller/tensor";
import { type Batch, sumOf } from "./batch.ts";

import { rowsIn } from "./losses.ts";
import type { Forward, Loss } from "./step.ts";

export interface SurrogateOptions {
  /** ratios are clipped to [1 - clip, 1 + clipHigh] */
  readonly clip: number;
  readonly clipHigh: number;
  /** of tokens, or of whole responses (their product) */
  readonly ratio: "token" | "sequence";
  /** over all tokens of the batch, over each response's and then the batch's, or over R (a constant: Dr. GRPO) */
  readonly average: "tokens" | "sequences" | "constant";
  /** of k3 to the reference, in the loss; 0: none */
  readonly beta: number;
}

export const surrogateLoss = (o: SurrogateOptions, temperature: number): Loss =>
  Object.assign(
    ({ batch, hidden, logprobs: of, g }: Forward): ReturnType<Loss> => {
      const T = batch["ids"]!.shape[1]!;
      const { at, labels, mask, old, reference, importance, advantages } = batch as Record<
        string,
        Tensor
      >;
      const [B, R] = at!.shape as [number, number];
      const rows = gather(hidden(batch["ids"]!), rowsIn(at!, T));
      const logprobs = reshape(of(rows, reshape(labels!, [B * R]), temperature), [B, R]);
      const lengths = sum(mask!, [1], { keep: true }); // (B, 1)
      const average = (x: Tensor): Tensor => {
        const masked = mul(x, mask!); // (B, R)
        if (o.average === "tokens") return div(sum(masked), sum(mask!));
        const per = o.average === "constant" ? div(masked, R) : div(masked, lengths);
        return div(sum(per), B);
      };
      const byToken = mul(sub(logprobs, old!), mask!); // 0 at padding: the ratio is exactly 1 there
      const whole = add(mul(byToken, 0), sum(byToken, [1], { keep: true })); // (B, R), each the response's
      const ratio = exp(o.ratio === "sequence" ? whole : byToken);
      const clipped = mul(clamp(ratio, 1 - o.clip, 1 + o.clipHigh), advantages!);
      const surrogate = mul(minimum(mul(ratio, advantages!), clipped), importance!);
      const policyLoss = neg(average(surrogate));
      const away = mul(sub(reference!, logprobs), mask!); // log reference - log policy
      const kl = average(sub(exp(away), add(away, 1))); // k3
      const outside = add(greater(ratio, 1 + o.clipHigh), less(ratio, 1 - o.clip));
      const tokens = (x: Tensor) => div(sum(mul(x, mask!)), sum(mask!));
      return {
        loss: o.beta ? add(policyLoss, mul(kl, o.beta)) : add(policyLoss, g.scalar(0)),
        metrics: {
          policyLoss,
          approxKl: mul(tokens(mul(byToken, byToken)), 0.5),
          clipFraction: tokens(outside),
          ratioMax: max(ratio, [1]),
        },
      };
    },
    {
      normaliser: (b: Batch) =>
        o.average === "tokens" ? sumOf(b["mask"]!.data) : b["mask"]!.shape[0]!,
    },
  );
