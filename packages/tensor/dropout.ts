/**
 * Dropout whose mask is a function of a key: the same key gives the same mask, on every machine and in every pass. The
 * bits come from integer arithmetic in the graph (squares modulo a prime, keyed three times), since the runtime's own
 * random operations keep a hidden state.
 */
import { TillerError } from "@tiller/schema";
import { sizeOf } from "./dtype.ts";
import type { Tensor } from "./graph.ts";
import { less, mul, reshape } from "./ops.ts";

const P = 2147483629; // the largest prime below 2^31 that is 5 mod 8: squares of 63 bits stay exact
const spread = 1_600_035_319;

/** Uniform whole numbers in [0, P) for each element of `shape`, by key (int64 scalar) and `site`. */
function hashed(key: Tensor, shape: readonly number[], site: number): Tensor {
  const g = key.graph;
  const n = sizeOf(shape);
  const long = (x: number) => g.constant([x], [], "int64");
  const op = (name: string, a: Tensor, b: Tensor, size: readonly number[]) =>
    g.op(name, [a, b], [size], {}, { dtype: "int64" })[0]!;
  const mod = (x: Tensor) => op("Mod", x, long(P), x.shape);
  const [range] = g.op("Range", [long(0), long(n), long(1)], [[n]], {}, { dtype: "int64" }) as [
    Tensor,
  ];
  // the key and the place of use, spread over all bits, before they meet the counter
  const keys = [1, 2, 3].map((i) =>
    mod(
      op(
        "Add",
        op("Mul", mod(key), long(spread - 2 * i), []),
        long((site + 1) * 7_368_787 * i),
        [],
      ),
    ),
  );
  let h = mod(op("Add", op("Mul", range, long(1_640_531_527), [n]), keys[0]!, [n]));
  for (const k of keys) h = mod(op("Add", op("Mul", h, h, [n]), op("Add", h, k, [n]), [n]));
  return h;
}

/**
 * x with each element set to 0 at `rate`, the others times 1 / (1 - rate). `key`: int64 scalar, new at every step;
 * `site`: which dropout of the model this is, so that two do not share a mask.
 */
export function dropout(x: Tensor, rate: number, key: Tensor, site: number): Tensor {
  if (!(rate >= 0 && rate < 1))
    throw new TillerError(
      "bad_rate",
      `dropout at ${rate}: the rate must be at least 0 and below 1.`,
    );
  if (rate === 0) return x;
  const h = reshape(hashed(key, x.shape, site), x.shape);
  const drop = less(h, Math.round(rate * P)); // 1 where dropped
  const g = x.graph;
  const keep = g.op("Sub", [g.scalar(1), drop], [x.shape])[0]!;
  return mul(x, mul(keep, 1 / (1 - rate)));
}
