/** Simulated raters: they see what people see and choose by a preference that nothing is trained on, plus noise; two of them do not care. */
import type { ComparisonValue, Rng } from "@tiller/schema";

export interface SimulatedRater {
  readonly name: string;
  /** standard deviation of the noise on the difference in preference; undefined: chooses blindly */
  readonly noise: number | undefined;
  /** preferences closer than this feel the same */
  readonly tieBelow: number;
  /** median of the seconds they say they took */
  readonly seconds: number;
}

const careful: readonly [string, number][] = [
  ["Ada", 0.1],
  ["Ben", 0.15],
  ["Chandra", 0.2],
  ["Dora", 0.2],
  ["Emil", 0.25],
  ["Farah", 0.3],
  ["Goran", 0.3],
  ["Hana", 0.35],
  ["Ines", 0.4],
  ["Jon", 0.5],
];
export const simulatedRaters: readonly SimulatedRater[] = [
  ...careful.map(([name, noise]) => ({ name, noise, tieBelow: 0.1, seconds: 20 + 60 * noise })),
  { name: "Kim", noise: undefined, tieBelow: 0, seconds: 6 },
  { name: "Lou", noise: undefined, tieBelow: 0, seconds: 5 },
];

/** What the rater chooses; `swap`: b was on the left, where the careless click more often. */
export function simulateChoice(
  r: SimulatedRater,
  o: { a: string; b: string; swap: boolean; preference: (text: string) => number; rng: Rng },
): ComparisonValue {
  if (r.noise === undefined) {
    const left = o.rng.next() < 0.6;
    return { choice: left !== o.swap ? "a" : "b" };
  }
  const difference = o.preference(o.b) - o.preference(o.a) + r.noise * o.rng.normal();
  return { choice: Math.abs(difference) < r.tieBelow ? "tie" : difference > 0 ? "b" : "a" };
}
