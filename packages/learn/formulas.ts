/** Formulas of learning from preferences, pure, over flat arrays. Each names its source; each has a test against numbers from elsewhere. */

import { logGamma } from "@tiller/schema";

type Numbers = ArrayLike<number>;

/** Mean over the positions where mask is 1; 0 when there are none. */
export function maskedMean(x: Numbers, mask: Numbers): number {
  let [total, n] = [0, 0];
  for (let i = 0; i < x.length; i++) if (mask[i]) [total, n] = [total + x[i], n + 1];
  return n ? total / n : 0;
}

/** Variance over the mask, divided by n (biased). */
export function maskedVar(x: Numbers, mask: Numbers): number {
  const m = maskedMean(x, mask);
  return maskedMean(
    Array.from(x, (v) => (v - m) ** 2),
    mask,
  );
}

/** (x - mean) / sqrt(var + 1e-8) over the mask; `shiftMean: false` adds the mean back. 0 outside the mask. */
export function whiten(x: Numbers, mask: Numbers, o: { shiftMean?: boolean } = {}): Float32Array {
  const m = maskedMean(x, mask);
  const scale = 1 / Math.sqrt(maskedVar(x, mask) + 1e-8);
  return Float32Array.from(x, (v, i) =>
    mask[i] ? (v - m) * scale + (o.shiftMean === false ? m : 0) : 0,
  );
}

/**
 * Generalised advantage estimation (Schulman et al. 2016, eq. 16) of one episode; the value after the end is 0.
 * Positions outside the mask get 0 and pass nothing on.
 */
export function gae(
  rewards: Numbers,
  values: Numbers,
  mask: Numbers,
  o: { gamma: number; lambda: number },
): { advantages: Float32Array; returns: Float32Array } {
  const T = rewards.length;
  const advantages = new Float32Array(T);
  const returns = new Float32Array(T);
  let [next, carried] = [0, 0];
  for (let t = T - 1; t >= 0; t--) {
    if (!mask[t]) continue;
    const delta = rewards[t] + o.gamma * next - values[t];
    carried = delta + o.gamma * o.lambda * carried;
    advantages[t] = carried;
    returns[t] = carried + values[t];
    next = values[t];
  }
  return { advantages, returns };
}

/** Schulman's estimators of KL(policy || reference) from sampled log-probs: k1 = log ratio, k3 = e^-k1 - 1 + k1. */
export const k1 = (logp: number, ref: number): number => logp - ref;
export const k3 = (logp: number, ref: number): number => Math.exp(ref - logp) - 1 + (logp - ref);

/** The adaptive KL coefficient (Ziegler et al. 2019, section 2.2): error clipped to +-0.2. */
export const adaptiveKl = (
  beta: number,
  o: { kl: number; target: number; steps: number; horizon: number },
): number =>
  beta * (1 + (Math.max(-0.2, Math.min(0.2, o.kl / o.target - 1)) * o.steps) / o.horizon);

/** KL of best-of-n from its base, in nats: ln n - (n-1)/n (Stiennon et al. 2020). An upper bound. */
export const klBestOfN = (n: number): number => Math.log(n) - (n - 1) / n;

const logChoose = (n: number, k: number) => logGamma(n + 1) - logGamma(k + 1) - logGamma(n - k + 1);

/** What each of N samples, sorted by proxy ascending, counts in the mean of the best of n: C(i-1, n-1) / C(N, n), i = 1..N. */
export function bestOfNWeights(N: number, n: number): Float64Array {
  if (n > N) throw new RangeError(`best of ${n} from ${N} samples: draw at least ${n}`);
  return Float64Array.from({ length: N }, (_, i) =>
    i + 1 < n ? 0 : Math.exp(logChoose(i, n - 1) - logChoose(N, n)),
  );
}

/**
 * Unbiased estimate of E[value of the best by proxy of n], from N >= n samples: sorted by proxy ascending,
 * sum over i = n..N of C(i-1, n-1) / C(N, n) value_(i) (Nakano et al. 2021, appendix).
 */
export function bestOfN(proxy: readonly number[], values: readonly number[], n: number): number {
  const order = proxy.map((_, i) => i).sort((i, j) => proxy[i] - proxy[j]);
  return bestOfNWeights(proxy.length, n).reduce((sum, w, i) => sum + w * values[order[i]], 0);
}

/** Distinct n-grams over all n-grams, across texts (Li et al. 2016). */
export function distinctN(texts: readonly (readonly number[])[], n: number): number {
  const seen = new Set<string>();
  let total = 0;
  for (const t of texts)
    for (let i = 0; i + n <= t.length; i++) {
      seen.add(t.slice(i, i + n).join());
      total++;
    }
  return total ? seen.size / total : 0;
}

/** One score of several reward models': mean, least, or mean - weight x variance (Coste et al. 2023: WCO, UWO). */
export function ensembleScore(
  scores: readonly number[],
  o: { readonly combine: "mean" | "worst" | "uncertainty"; readonly uncertaintyWeight: number },
): number {
  if (o.combine === "worst") return Math.min(...scores);
  const mean = scores.reduce((a, b) => a + b, 0) / scores.length;
  if (o.combine === "mean") return mean;
  const variance = scores.reduce((v, s) => v + (s - mean) ** 2, 0) / scores.length;
  return mean - o.uncertaintyWeight * variance;
}

/** Advantages against the mean of a group's other members (Kool et al. 2019; Ahmadian et al. 2024, eq. 5): groups of k neighbours. */
export function leaveOneOut(returns: Numbers, k: number): number[] {
  if (k < 2)
    throw new RangeError(`a group of ${k} has nobody else in it: give groups of 2 or more`);
  return Array.from(returns, (r, i) => {
    const from = i - (i % k);
    let others = 0;
    for (let j = from; j < from + k; j++) if (j !== i) others += returns[j]!;
    return r - others / (k - 1);
  });
}

/** (r - mean) / (std + 1e-4) within groups of k neighbours, std divided by k - 1 (Shao et al. 2024); `scale: false`: r - mean (Dr. GRPO). */
export function groupAdvantages(returns: Numbers, k: number, o: { scale: boolean }): number[] {
  return Array.from(returns, (r, i) => {
    const from = i - (i % k);
    const group = Array.from({ length: k }, (_, j) => returns[from + j]!);
    const mean = group.reduce((a, b) => a + b, 0) / k;
    const std = Math.sqrt(group.reduce((v, x) => v + (x - mean) ** 2, 0) / Math.max(1, k - 1));
    return o.scale ? (r - mean) / (std + 1e-4) : r - mean;
  });
}

/** Rewards to go, sum over k >= t of gamma^(k-t) r_k, of one episode. */
export function rewardsToGo(rewards: Numbers, gamma: number): Float32Array {
  const out = new Float32Array(rewards.length);
  for (let t = rewards.length - 1, next = 0; t >= 0; t--)
    out[t] = next = rewards[t]! + gamma * next;
  return out;
}

/** Performance gap recovered (Burns et al. 2023): 0 where the student is its weak teacher, 1 where it is as if taught the truth. */
export const gapRecovered = (o: { weak: number; student: number; ceiling: number }): number =>
  (o.student - o.weak) / (o.ceiling - o.weak);
