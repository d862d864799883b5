/** Learning to write what was chosen: the best of each group, and passes over them as supervised fine-tuning. */
import { nextTokenLoss, nextTokens } from "./losses.ts";
import type { Episode } from "./rollout.ts";
import type { Trainer } from "./trainer.ts";

/** The best `keep` of each group of k neighbours, by score. */
export function bestOfGroups<T>(
  items: readonly T[],
  score: readonly number[],
  o: { readonly group: number; readonly keep: number },
): { readonly item: T; readonly score: number }[] {
  return Array.from({ length: items.length / o.group }, (_, g) =>
    Array.from({ length: o.group }, (_, j) => g * o.group + j)
      .sort((a, b) => score[b]! - score[a]!)
      .slice(0, o.keep)
      .map((i) => ({ item: items[i]!, score: score[i]! })),
  ).flat();
}

/** Passes over episodes with the next-token loss of their responses; means of loss and gradient norm. */
export function imitate(
  trainer: Trainer,
  episodes: readonly Episode[],
  o: {
    readonly epochs: number;
    readonly minibatch: number;
    readonly lr: number;
    readonly length: number;
    readonly order: (xs: readonly Episode[]) => readonly Episode[];
  },
): { loss: number; gradNorm: number } {
  let [loss, norm, n] = [0, 0, 0];
  for (let epoch = 0; epoch < o.epochs; epoch++) {
    const order = o.order(episodes);
    for (let at = 0; at < order.length; at += o.minibatch) {
      const rows = order
        .slice(at, at + o.minibatch)
        .map((e) => ({ tokens: [...e.query, ...e.response], from: e.query.length }));
      loss += trainer.forwardBackward(nextTokens(rows, { length: o.length }), nextTokenLoss).loss;
      norm += trainer.optimStep({ lr: o.lr }).gradNorm;
      n++;
    }
  }
  return { loss: loss / n, gradNorm: norm / n };
}
