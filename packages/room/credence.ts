/** Credences as a vector on the simplex, and the proper scoring rules that are paid for them. */
import { Bug } from "@tiller/schema";
import type { Scoring } from "./rules.ts";

/** Nobody is surer than this, so that no verdict costs minus infinity (the NYU platform had to rewrite stored zeros). */
export const LEAST = 0.01;

/** The vector with no entry below 0.01, and so none above 0.99; the others keep their proportions. */
export function clampCredence(p: readonly number[]): number[] {
  const low = p.map((x) => x < LEAST);
  for (;;) {
    const free = p.reduce((sum, x, i) => (low[i] ? sum : sum + x), 0);
    const left = 1 - LEAST * low.filter(Boolean).length;
    // only what was below is moved: a stored 0.010000000000000007 stays as it is
    const clamped = low.some(Boolean)
      ? p.map((x, i) => (low[i] ? LEAST : (x * left) / free))
      : [...p];
    const next = clamped.findIndex((x, i) => !low[i] && x < LEAST);
    if (next < 0) return clamped;
    low[next] = true;
  }
}

/** What a credence earns once the answer is known, without the cost of turns. */
export function earned(scoring: Scoring, p: readonly number[], truth: number): number {
  const of = p[truth];
  if (of === undefined) throw new Bug(`a truth ${truth} of ${p.length} answers`);
  const squares = p.reduce((sum, x) => sum + x * x, 0);
  switch (scoring.rule) {
    case "log":
      return Math.log(of) / Math.log(scoring.base);
    case "brier":
      return 2 * of - squares; // the quadratic score: 1 less the squared distance from the truth
    case "spherical":
      return of / Math.sqrt(squares);
    default: {
      const never: never = scoring.rule;
      throw new Bug(`unknown scoring rule ${String(never)}`);
    }
  }
}
