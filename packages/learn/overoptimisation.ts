/**
 * How what people want falls behind what a proxy says (Gao et al. 2022): gold over d, the root of the KL from the base, is
 * d (alpha - beta d) for best-of-n and d (alpha - beta ln d) for reinforcement learning, 0 at the base. Both are linear in
 * alpha and beta, so least squares finds them; which form fits is asked of points that were left out.
 */
import { klBestOfN } from "./formulas.ts";

/** linear: the reward falls off linearly in d (best-of-n); log: logarithmically (reinforcement learning). */
export const goldForms = ["linear", "log"] as const;
export type GoldForm = (typeof goldForms)[number];
export interface GoldPoint {
  /** root of the KL from the base, in nats */
  readonly d: number;
  /** mean gold there, less the base's */
  readonly gold: number;
}
export interface GoldCurve {
  readonly form: GoldForm;
  readonly alpha: number;
  readonly beta: number;
}

/** The root of the KL of best-of-n. */
export const distanceOfBest = (n: number): number => Math.sqrt(Math.max(0, klBestOfN(n)));

const falls = (form: GoldForm, d: number): number => (form === "linear" ? d : Math.log(d));
export const goldAt = ({ form, alpha, beta }: GoldCurve, d: number): number =>
  d <= 0 ? 0 : d * (alpha - beta * falls(form, d));

/** Least squares; points at the base say nothing. */
export function fitGold(points: readonly GoldPoint[], form: GoldForm): GoldCurve {
  let [aa, ab, bb, ag, bg] = [0, 0, 0, 0, 0];
  let n = 0;
  for (const { d, gold } of points) {
    if (!(d > 0)) continue;
    const [x, y] = [d, -d * falls(form, d)];
    [aa, ab, bb, ag, bg] = [aa + x * x, ab + x * y, bb + y * y, ag + x * gold, bg + y * gold];
    n++;
  }
  const det = aa * bb - ab * ab;
  if (n < 2 || !(det > 1e-12 * aa * bb))
    throw new RangeError(
      `${n} points away from the base do not tell alpha from beta: measure at two distances or more`,
    );
  return { form, alpha: (bb * ag - ab * bg) / det, beta: (aa * bg - ab * ag) / det };
}

/** Where the curve turns down, and the gold there; never, where it does not bend down. */
export function peakOf({ form, alpha, beta }: GoldCurve): { d: number; gold: number } | undefined {
  if (!(beta > 0) || (form === "linear" && !(alpha > 0))) return undefined;
  const d = form === "linear" ? alpha / (2 * beta) : Math.exp(alpha / beta - 1);
  return { d, gold: goldAt({ form, alpha, beta }, d) };
}

/**
 * Root mean square error of each form on what it did not see: fitted to the points up to `within` of the largest d, told
 * apart by those beyond (to extrapolate is what a form is for).
 */
export function errorBeyond(
  points: readonly GoldPoint[],
  form: GoldForm,
  within = 0.6,
): number | undefined {
  const most = Math.max(...points.map((p) => p.d));
  const [near, far] = [
    points.filter((p) => p.d > 0 && p.d <= within * most),
    points.filter((p) => p.d > within * most),
  ];
  if (near.length < 3 || !far.length) return undefined;
  const curve = fitGold(near, form);
  return Math.sqrt(far.reduce((e, p) => e + (goldAt(curve, p.d) - p.gold) ** 2, 0) / far.length);
}
