/** The rows of every step over several passes, each pass in an order of its own, which is made once and not at every step. */
import { rng } from "@tiller/schema";

export interface Epochs<T> {
  /** rows a step: what was asked for, or all there are */
  readonly batch: number;
  /** of all passes */
  readonly steps: number;
  /** the rows of a step, from 1 */
  readonly at: (step: number) => T[];
}

/** `whole`: steps of `batch` rows only, and what is left over waits for the next pass's order; else the last step of a pass may be smaller. */
export function inEpochs<T>(
  rows: readonly T[],
  o: {
    readonly batch: number;
    readonly epochs: number;
    readonly seed: number;
    readonly whole?: boolean;
  },
): Epochs<T> {
  const batch = Math.min(o.batch, rows.length);
  const perEpoch = o.whole ? Math.floor(rows.length / batch) : Math.ceil(rows.length / batch);
  let made: { readonly epoch: number; readonly order: T[] } | undefined;
  return {
    batch,
    steps: perEpoch * o.epochs,
    at(step) {
      const [epoch, k] = [Math.floor((step - 1) / perEpoch), (step - 1) % perEpoch];
      if (made?.epoch !== epoch) made = { epoch, order: rng(o.seed, "epoch", epoch).shuffle(rows) };
      return made.order.slice(k * batch, k * batch + batch);
    },
  };
}
