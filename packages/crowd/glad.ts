/** GLAD: worker ability times task easiness (Whitehill et al. 2009), by EM, Newton steps inside. */
import { agreement, expect, type Inferred, ITERATIONS, uniform, votes } from "./em.ts";
import type { LabelTable } from "./labels.ts";

/** P(right) = sigmoid(ability x easiness); priors N(1, 1) on the ability and on the logarithm of easiness. */
export function glad(t: LabelTable): Inferred {
  const K = t.labels.length;
  let ability = new Float64Array(t.workers.length).fill(1);
  let logEase = new Float64Array(t.tasks.length).fill(1);
  const posterior = votes(t, () => 1);
  const p = (w: number, i: number) => 1 / (1 + Math.exp(-ability[w] * Math.exp(logEase[i])));
  const logOf = (w: number, i: number, k: number, said: number) => {
    const right = p(w, i);
    return Math.log(said === k ? right + 1e-12 : (1 - right) / Math.max(1, K - 1) + 1e-12);
  };
  const objective: number[] = [];
  let converged = false;
  while (!converged && objective.length < ITERATIONS) {
    const [abilityBefore, easeBefore] = [ability.slice(), logEase.slice()];
    for (let sweep = 0; sweep < 3; sweep++) {
      // one Newton step on every ability, then one on every task's ease; each is concave given the other
      const [slope, bend] = [ability.map((a) => 1 - a), new Float64Array(ability.length).fill(1)];
      for (let i = 0; i < t.tasks.length; i++) {
        const ease = Math.exp(logEase[i]);
        for (let r = t.start[i]; r < t.start[i + 1]; r++) {
          const [w, s] = [t.worker[r], p(t.worker[r], i)];
          slope[w] += (posterior[i * K + t.label[r]] - s) * ease;
          bend[w] += s * (1 - s) * ease * ease;
        }
      }
      for (let w = 0; w < ability.length; w++) ability[w] += clip(slope[w] / bend[w]);
      for (let i = 0; i < t.tasks.length; i++) {
        const ease = Math.exp(logEase[i]);
        let [d, dd] = [1 - logEase[i], 1];
        for (let r = t.start[i]; r < t.start[i + 1]; r++) {
          const [z, s] = [ability[t.worker[r]] * ease, p(t.worker[r], i)];
          d += (posterior[i * K + t.label[r]] - s) * z;
          dd += s * (1 - s) * z * z;
        }
        logEase[i] = Math.min(4, Math.max(-4, logEase[i] + clip(d / dd)));
      }
    }
    const before = posterior.slice();
    let { likelihood } = expect(t, posterior, uniform(K), logOf);
    let now = likelihood + priors(ability) + priors(logEase);
    // Newton steps may overshoot: then the half of the way, as often as it takes
    const last = objective.at(-1) ?? -Infinity;
    for (let half = 0; now < last && half < HALVES; half++) {
      if (half === HALVES - 1) [ability, logEase] = [abilityBefore, easeBefore];
      else {
        ability = middle(ability, abilityBefore);
        logEase = middle(logEase, easeBefore);
      }
      ({ likelihood } = expect(t, posterior, uniform(K), logOf));
      now = likelihood + priors(ability) + priors(logEase);
    }
    objective.push(now);
    converged = posterior.every((q, i) => Math.abs(q - before[i]) < ENOUGH_OF_GLAD);
  }
  return {
    posterior,
    reliability: agreement(t, posterior, 0, 0),
    fit: { converged, steps: objective.length, objective },
    emission: (w, i, k, said) => Math.exp(logOf(w, i, k, said)),
  };
}
/** Log of the normal priors around 1, but for a constant. */
const priors = (xs: Float64Array): number => xs.reduce((sum, x) => sum - (x - 1) ** 2 / 2, 0);
const middle = (xs: Float64Array, ys: Float64Array) => xs.map((x, i) => (x + ys[i]) / 2);
const HALVES = 20;
const ENOUGH_OF_GLAD = 1e-4;
const clip = (step: number) => Math.min(1, Math.max(-1, step));
