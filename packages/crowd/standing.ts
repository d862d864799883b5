/** What known answers say about a person's standing: on probation, admitted, or paused, with the numbers in words. */
import { wilson } from "@tiller/schema";

/** An answer to hidden gold. */
export interface Known {
  /** the kind of work */
  readonly type: string;
  readonly right: boolean;
}
/** A rule of the queues: pause whoever is surely below the bar, after at least so many. */
export interface Suspend {
  /** null: over all kinds of work */
  readonly kind: string | null;
  readonly below: number;
  readonly least: number;
}
export interface Probation {
  readonly kind: string;
  /** known answers that end it */
  readonly gold: number;
  readonly bar: number;
}
export type Standing =
  | { readonly kind: "as before" }
  | { readonly kind: "paused"; readonly why: string }
  | { readonly kind: "admitted"; readonly why: string };

const percent = (x: number) => Math.round(100 * x);

/**
 * Paused: the upper end of the 95 % interval (Wilson) is below a bar. Probation ends at its number of known answers,
 * unless they lead to a pause.
 */
export function standingOf(
  answers: readonly Known[],
  o: { rules: readonly Suspend[]; probation?: Probation | undefined },
): Standing {
  const over = (kind: string | null) => {
    const mine = answers.filter((a) => kind === null || a.type === kind);
    const right = mine.filter((a) => a.right).length;
    const { low, high } = wilson(right, mine.length);
    const words = `${right} of ${mine.length} known answers right (95 % interval ${percent(low)} to ${percent(high)} %)`;
    return { n: mine.length, high, words };
  };
  for (const { kind, below, least } of o.rules) {
    const { n, high, words } = over(kind);
    if (n >= least && high < below)
      return { kind: "paused", why: `${words}; the bar is ${percent(below)} %` };
  }
  if (!o.probation) return { kind: "as before" };
  const { n, high, words } = over(o.probation.kind);
  if (n < o.probation.gold) return { kind: "as before" };
  return high < o.probation.bar
    ? { kind: "paused", why: `probation: ${words}; the bar is ${percent(o.probation.bar)} %` }
    : { kind: "admitted", why: words };
}
