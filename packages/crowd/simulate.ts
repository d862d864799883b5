/** A simulated rater's choice between two texts: by a preference that nothing is trained on, plus noise; or blindly. */
import type { Rng } from "@tiller/schema";
import type { SimulatedRater } from "@tiller/task";

/** What the rater chooses; `swap`: b was on the left, where the careless click more often. */
export function simulateChoice(
  r: SimulatedRater,
  o: { a: string; b: string; swap: boolean; preference: (text: string) => number; rng: Rng },
): { choice: "a" | "b" | "tie" } {
  if (r.noise === undefined) {
    const left = o.rng.next() < 0.6;
    return { choice: left !== o.swap ? "a" : "b" };
  }
  const difference = o.preference(o.b) - o.preference(o.a) + r.noise * o.rng.normal();
  return { choice: Math.abs(difference) < r.tieBelow ? "tie" : difference > 0 ? "b" : "a" };
}
