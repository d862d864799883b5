/** L-BFGS upwards (Liu and Nocedal 1989): seven remembered steps, and a line search that halves until the value rises enough. */

export interface Climbed {
  /** no slope is larger than what was called enough */
  readonly converged: boolean;
  readonly steps: number;
  /** the largest slope that is left */
  readonly slope: number;
}

const MEMORY = 7;
const dot = (a: Float64Array, b: Float64Array): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
};
const steepest = (g: Float64Array): number => {
  let most = 0;
  for (const v of g) most = Math.max(most, Math.abs(v));
  return most;
};

/** Moves `x` to a maximum of `value`, which also writes the slope at its first argument into its second. */
export function ascend(
  x: Float64Array,
  value: (x: Float64Array, slope: Float64Array) => number,
  o: { readonly steps: number; readonly enough: number },
): Climbed {
  const g = new Float64Array(x.length);
  const [tried, slope] = [new Float64Array(x.length), new Float64Array(x.length)];
  const memory: { s: Float64Array; y: Float64Array; rho: number }[] = [];
  let at = value(x, g);
  let step = 0;
  for (; step < o.steps && steepest(g) > o.enough; step++) {
    // the two loops: how the slope has changed stands for its curvature
    const d = g.slice();
    const alphas: number[] = [];
    for (const { s, y, rho } of memory.toReversed()) {
      const alpha = rho * dot(s, d);
      alphas.unshift(alpha);
      for (let i = 0; i < d.length; i++) d[i] -= alpha * y[i];
    }
    const last = memory.at(-1);
    const scale = last
      ? 1 / (last.rho * dot(last.y, last.y))
      : 1 / Math.max(1, Math.sqrt(dot(g, g)));
    for (let i = 0; i < d.length; i++) d[i] *= scale;
    memory.forEach(({ s, y, rho }, k) => {
      const beta = alphas[k]! - rho * dot(y, d);
      for (let i = 0; i < d.length; i++) d[i] += beta * s[i];
    });
    const rise = dot(g, d);
    let [t, next] = [1, Number.NaN];
    for (let half = 0; half < 60; half++, t /= 2) {
      for (let i = 0; i < x.length; i++) tried[i] = x[i] + t * d[i];
      next = value(tried, slope);
      if (next >= at + 1e-4 * t * rise) break;
    }
    if (!(next > at)) {
      // no higher ground in sight: forget the curvature once, then it is the top as far as numbers go
      if (!memory.length) break;
      memory.length = 0;
      continue;
    }
    const s = x.map((v, i) => tried[i] - v);
    const y = g.map((v, i) => v - slope[i]); // of the negative: a minimum's curvature
    x.set(tried);
    g.set(slope);
    at = next;
    const curved = dot(s, y);
    if (curved > 1e-12 * Math.sqrt(dot(s, s) * dot(y, y))) {
      memory.push({ s, y, rho: 1 / curved });
      if (memory.length > MEMORY) memory.shift();
    }
  }
  return { converged: steepest(g) <= o.enough, steps: step, slope: steepest(g) };
}
