/**
 * Clipped surrogate and clipped value loss, averaged over the minibatch's tokens (Schulman et al. 2017, eqs. 7 and 9; the
 * value clip is Ziegler et al.'s code). ids (B, T); at, labels, mask, old, importance, values, advantages, returns (B, R),
 * `at` the place whose token predicts each response token.
 */
import { hiddenStates, type ModelShape, scores } from "@tiller/lm";
import {
  abs,
  add,
  clamp,
  div,
  exp,
  gather,
  greater,
  max,
  maximum,
  minimum,
  mul,
  neg,
  reshape,
  square,
  sub,
  sum,
  type Tensor,
} from "@tiller/tensor";
import { byField } from "./batch.ts";
import { CRITIC } from "./critic.ts";
import { responseBatch } from "./episodes.ts";
import { rowsIn } from "./losses.ts";
import type { Episode } from "./rollout.ts";
import type { Forward, Loss } from "./step.ts";
import type { Trainer } from "./trainer.ts";

export interface PpoLossOptions {
  readonly clip: number;
  readonly valueClip: number;
  readonly valueCoefficient: number;
  /** of a critic apart from the policy; left out: a head on the policy's trunk */
  readonly criticShape?: ModelShape | undefined;
}

/** Values (B R) of the response tokens by the critic of its own. */
function criticValues({ batch, params }: Forward, shape: ModelShape): Tensor {
  const own = new Map(
    [...params].flatMap(([name, t]) =>
      name.startsWith(CRITIC) ? [[name.slice(CRITIC.length), t] as const] : [],
    ),
  );
  const T = batch["ids"]!.shape[1]!;
  return scores(own, gather(hiddenStates(shape, own, batch["ids"]!), rowsIn(batch["at"]!, T)));
}

export function ppoLoss(c: PpoLossOptions, temperature: number) {
  const reading: Loss = (f) => {
    const values = criticValues(f, c.criticShape!);
    return { loss: sum(values), metrics: { values } };
  };
  return Object.assign(
    (f: Forward): ReturnType<Loss> => {
      const { batch, hidden, logprobs: of, scores: headOf } = f;
      const T = batch["ids"]!.shape[1]!;
      const [B, R] = batch["at"]!.shape as [number, number];
      const flat = (name: string): Tensor => reshape(batch[name]!, [B * R]);
      const rows = gather(hidden(batch["ids"]!), rowsIn(batch["at"]!, T));
      const logprobs = of(rows, flat("labels"), temperature);
      const values = c.criticShape ? criticValues(f, c.criticShape) : headOf(rows);
      const [mask, old, oldValues] = [flat("mask"), flat("old"), flat("values")];
      const [advantages, returns] = [flat("advantages"), flat("returns")];
      const average = (x: Tensor) => div(sum(mul(x, mask)), sum(mask));
      const logRatio = mul(sub(logprobs, old), mask); // 0 at padding: the ratio is exactly 1 there
      const ratio = exp(logRatio);
      const clipped = mul(clamp(ratio, 1 - c.clip, 1 + c.clip), advantages);
      const surrogate = mul(minimum(mul(ratio, advantages), clipped), flat("importance"));
      const policyLoss = neg(average(surrogate));
      const near = add(oldValues, clamp(sub(values, oldValues), -c.valueClip, c.valueClip));
      const errors = maximum(square(sub(values, returns)), square(sub(near, returns)));
      const valueLoss = mul(average(errors), 0.5);
      return {
        loss: add(policyLoss, mul(valueLoss, c.valueCoefficient)),
        metrics: {
          policyLoss,
          valueLoss,
          approxKl: mul(average(square(logRatio)), 0.5),
          clipFraction: average(greater(abs(sub(ratio, 1)), c.clip)),
          valueClipFraction: average(greater(abs(sub(values, oldValues)), c.valueClip)),
          ratioMax: max(reshape(ratio, [B, R]), [1]),
        },
      };
    },
    {
      normaliser: byField("mask"),
      /** values (B R) of a rollout batch by the critic apart, 0 outside of the mask */
      values(
        trainer: Trainer,
        episodes: readonly Episode[],
        mask: Float32Array,
        sizes: { readonly R: number; readonly T: number },
      ): Float32Array {
        const all = episodes.map((_, b) => b);
        const batch = responseBatch(all, episodes, { mask }, sizes);
        return trainer.forward(batch, reading).metrics["values"]!.map((v, i) => v * mask[i]!);
      },
    },
  );
}
