/**
 * What a person's stated confidence is worth. The threshold is the level at and above which the person agrees with the
 * researchers four times in five (Stiennon et al. 2020, C.1 step 4), with an interval, or that there is not enough data.
 */
import { rng } from "@tiller/schema";
import { type Estimate, exactFraction, quantile } from "./statistics.ts";

export interface Checked {
  readonly task: string;
  /** any scale; more is surer */
  readonly confidence: number;
  /** agreed with the researcher, or with gold */
  readonly right: boolean;
}
export interface Calibration {
  readonly answers: number;
  /** agreement at each stated level */
  readonly curve: (Estimate & { readonly confidence: number })[];
  /** agreement among answers at or above each level */
  readonly atLeast: (Estimate & { readonly confidence: number })[];
  readonly threshold:
    | {
        readonly kind: "found";
        readonly level: number;
        /** 95 % interval of the level; null: not reached even at the top in that end of the resamples */
        readonly low: number;
        readonly high: number | null;
        /** agreement at or above it */
        readonly agreement: Estimate;
        /** whether even the lower end of that agreement reaches the target */
        readonly sure: boolean;
      }
    | { readonly kind: "not reached"; readonly best: Estimate }
    | { readonly kind: "not enough data"; readonly answers: number; readonly needed: number };
}

/** Fewer checked answers than this name no threshold; fewer at or above a level do not speak for it. */
const NEEDED = { all: 20, above: 8 };

export function calibrate(
  rows: readonly Checked[],
  o: { target?: number; seed?: number; resamples?: number } = {},
): Calibration {
  const { target = 0.8, seed = 1, resamples = 1000 } = o;
  const levels = [...new Set(rows.map((r) => r.confidence))].toSorted((a, b) => a - b);
  const place = new Map(levels.map((l, i) => [l, i]));
  const L = levels.length;
  const [n, right] = [new Float64Array(L), new Float64Array(L)];
  for (const r of rows) {
    n[place.get(r.confidence)!]++;
    if (r.right) right[place.get(r.confidence)!]++;
  }
  const above = (x: Float64Array, from: number) => x.subarray(from).reduce((a, b) => a + b, 0);
  const curve = levels.map((confidence, i) => ({ confidence, ...exactFraction(right[i], n[i]) }));
  const atLeast = levels.map((confidence, i) => ({
    confidence,
    ...exactFraction(above(right, i), above(n, i)),
  }));
  const answers = rows.length;
  if (answers < NEEDED.all)
    return {
      answers,
      curve,
      atLeast,
      threshold: { kind: "not enough data", answers, needed: NEEDED.all },
    };
  // the lowest level from which agreement reaches the target
  const first = (counts: Float64Array, agreed: Float64Array) => {
    let [all, good] = [0, 0];
    let found = -1;
    for (let i = L - 1; i >= 0; i--) {
      all += counts[i]!;
      good += agreed[i]!;
      if (all >= NEEDED.above && good / all >= target) found = i;
    }
    return found;
  };
  const level = first(n, right);
  if (level < 0) {
    const spoken = atLeast.filter((e) => e.n >= NEEDED.above);
    const best = spoken.reduce((a, b) => (b.at > a.at ? b : a));
    return { answers, curve, atLeast, threshold: { kind: "not reached", best } };
  }
  const random = rng(seed, "calibration");
  const byTask = [...Map.groupBy(rows, (r) => r.task).values()];
  const drawn = new Float64Array(resamples);
  for (let b = 0; b < resamples; b++) {
    const [m, k] = [new Float64Array(L), new Float64Array(L)];
    for (let u = 0; u < byTask.length; u++)
      for (const r of byTask[random.int(byTask.length)]!) {
        m[place.get(r.confidence)!]++;
        if (r.right) k[place.get(r.confidence)!]++;
      }
    const i = first(m, k);
    drawn[b] = i < 0 ? L : i;
  }
  drawn.sort();
  const [low, high] = [0.025, 0.975].map((p) => Math.round(quantile(drawn, p))) as [number, number];
  const agreement = atLeast[level]!;
  return {
    answers,
    curve,
    atLeast,
    threshold: {
      kind: "found",
      level: levels[level]!,
      low: levels[Math.min(low, L - 1)]!,
      high: levels[high] ?? null,
      agreement,
      sure: agreement.low >= target,
    },
  };
}

export interface Sided {
  readonly task: string;
  readonly choice: "a" | "b" | "tie";
  /** b was on the left */
  readonly swap: boolean;
  /** by how many characters b is longer than a */
  readonly longer: number;
}
export interface Bias {
  /** fraction of left among choices that were no tie; one half is fair, since sides are drawn at random */
  readonly left: Estimate;
  /** fraction of the longer text among choices between unequal lengths; compare with the group's: longer may be better */
  readonly longer: Estimate;
  readonly ties: Estimate;
}
/** The pull of the side and of the length, exact intervals. */
export function biasOf(rows: readonly Sided[]): Bias {
  const decided = rows.filter((r) => r.choice !== "tie");
  const unequal = decided.filter((r) => r.longer !== 0);
  return {
    left: exactFraction(
      decided.filter((r) => (r.choice === "a") !== r.swap).length,
      decided.length,
    ),
    longer: exactFraction(
      unequal.filter((r) => (r.choice === "b") === r.longer > 0).length,
      unequal.length,
    ),
    ties: exactFraction(rows.length - decided.length, rows.length),
  };
}
