/** Losses for the trainer. One of your own is such a function too. */
import {
  add,
  cast,
  counted,
  div,
  gather,
  greater,
  IGNORED,
  less,
  logSigmoid,
  max,
  maximum,
  mean,
  min,
  minimum,
  mul,
  neg,
  reshape,
  sub,
  sizeOf,
  sum,
  type Tensor,
} from "@tiller/tensor";
import { largest } from "@tiller/schema";
import { type Batch, bucket, sumOf, tokens } from "./batch.ts";
import type { Forward, Loss } from "./step.ts";

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
/** Over how many tokens the loss of such a batch is a mean: weights, without those of labels that are -100. */
export const weightOf = (batch: Batch): number => {
  let total = 0;
  const [{ data }, labels] = [batch["weights"]!, batch["labels"]!.data];
  for (let i = 0; i < data.length; i++) if (labels[i] !== IGNORED) total += data[i]!;
  return total;
};

/**
 * Mean cross-entropy of the tokens that count: supervised fine-tuning. Sees `logprobs` (B, T). With `segments` and `places`
 * (B, T) in the batch, several texts share a row and see nothing of one another.
 */
export const nextTokenLoss: Loss = Object.assign(
  ({ batch, hidden, logprobs: of }: Forward) => {
    const { ids, labels, weights, segments, places } = batch as Record<
      "ids" | "labels" | "weights",
      Tensor
    > & { readonly segments?: Tensor; readonly places?: Tensor };
    const n = sizeOf(ids.shape);
    const packing = segments && places ? { packing: { segments, places } } : {};
    const logprobs = reshape(of(hidden(ids, packing), reshape(labels, [n])), ids.shape); // 0 where the label is -100
    const total = sum(mul(weights, counted(labels)));
    return { loss: neg(div(sum(mul(logprobs, weights)), total)), metrics: { logprobs } };
  },
  { normaliser: weightOf },
);

/** The rewards (B, K) of a row's K texts: pooled by `weights` (B, K, T), or read at `last` (B, K). */
export function pooledRewards({ batch, hidden, scores }: Forward): Tensor {
  const { ids, last, weights } = batch as Record<"ids" | "last" | "weights", Tensor | undefined>;
  const [B, K, T] = ids!.shape as [number, number, number];
  const n = B * K;
  const states = hidden(reshape(ids!, [n, T]));
  if (!weights) return reshape(scores(gather(states, rowsAt(reshape(last!, [n]), T))), [B, K]);
  const perToken = reshape(scores(states), [n, T]);
  return reshape(sum(mul(perToken, reshape(weights, [n, T])), [1]), [B, K]);
}
/**
 * -[p log s(b - a) + (1 - p) log s(a - b)] of compared texts (Stiennon et al. 2020): ids (B, 2, T), a before b; p (B), the
 * probability that b is better. A text's reward is the head's at its last token, `last` (B, 2), the place in its own row of
 * T or in all rows one after another (B 2 T), or pooled by `weights` (B, 2, T). `weight` (B), where given: what each pair
 * counts. Metrics: `rewards` (B, 2).
 */
export const comparisonLoss: Loss = Object.assign(
  (f: Forward) => {
    const { g, batch } = f;
    const { p, weight } = batch as Record<"p" | "weight", Tensor>;
    const rewards = pooledRewards(f);
    const margin = sum(mul(rewards, g.constant([-1, 1], [1, 2])), [1]); // b - a
    const one = g.scalar(1);
    const each = add(mul(p!, logSigmoid(margin)), mul(sub(one, p!), logSigmoid(neg(margin))));
    const averaged = weight ? div(sum(mul(each, weight)), sum(weight)) : mean(each);
    return { loss: neg(averaged), metrics: { rewards } };
  },
  {
    normaliser: (batch: Batch) =>
      batch["weight"] ? sumOf(batch["weight"].data) : batch["p"]!.shape[0]!,
  },
);
/** Places (B, R) in each row of T tokens -> rows (B R) of (B T), for `gather` of hidden states. */
export function rowsIn(places: Tensor, T: number): Tensor {
  const [B, R] = places.shape as [number, number];
  const starts = places.graph.constant(
    Array.from({ length: B }, (_, b) => b * T),
    [B, 1],
    "int64",
  );
  const rows = places.graph.op("Add", [places, starts], [[B, R]], {}, { dtype: "int64" })[0]!;
  return reshape(rows, [B * R]);
}
/**
 * One place in each text (N) -> rows of (N T), for `gather` of hidden states. Places counted through all rows may be those of a part out of a batch's middle, so
 * whole rows are taken off; where they do not name one text after another, the row is one that is not there.
 */
export function rowsAt(places: Tensor, T: number): Tensor {
  const g = places.graph;
  const n = places.shape[0]!;
  const int = (op: "Add" | "Sub" | "Mul" | "Div" | "Mod", a: Tensor, b: Tensor) =>
    g.op(op, [a, b], [[n]], {}, { dtype: "int64" })[0]!;
  const long = (xs: number[]) => g.constant(xs, [xs.length], "int64");
  const order = Array.from({ length: n }, (_, i) => i);
  const text = int("Div", places, long([T])); // as counted through all rows; 0 by a row's own count
  const before = cast(int("Sub", text, long(order)), "float32");
  const broken = minimum(sub(max(before), min(before)), max(cast(text, "float32")));
  const wrong = maximum(greater(broken, 0), less(min(cast(places, "float32")), 0));
  const starts = long(order.map((i) => i * T));
  const own = int("Add", int("Mod", places, long([T])), starts);
  return int("Add", own, int("Mul", long([n * T]), cast(wrong, "int64")));
}
