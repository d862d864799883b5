/**
 * What is left to chance when somebody asks for the next task: whether it only measures (hidden gold, a retest), and how
 * often the order by skill is left aside. What was drawn, uniformly from [0, 1), and the time are arguments.
 */
import type { WorkerStage } from "@tiller/schema";

/** Gold and retests together: one task in twenty, and one in four while someone is new. */
export const GOLD_FRACTION = 0.05;
export const PROBATION_FRACTION = 0.25;
/** Of these, this part is a retest where there is one to give; of answers this many days old or more. */
export const [RETEST_PART, RETEST_DAYS] = [0.25, 7];
/** Of all tasks, what researchers answer blindly: within the 10 to 20 % of published practice (Stiennon et al. 2020, C.1). */
export const POOL_FRACTION = 0.15;
/** The most: the index of the pool holds a fifth of all tasks. */
const POOL_MOST = 0x3333;
/** Fraction of tasks that go to whoever comes, whatever is known of who is best suited, where no live rule says another. */
export const EXPLORE = 0.1;

export type Measuring = "retest" | "gold";

/** What to look for before ordinary work, the first choice first; none: ordinary work. */
export function measuringDue(stage: WorkerStage, drawn: number): readonly Measuring[] {
  const fraction = stage === "probation" ? PROBATION_FRACTION : GOLD_FRACTION;
  if (drawn >= fraction) return [];
  return drawn < fraction * RETEST_PART ? ["retest", "gold"] : ["gold"];
}

/** Answers given before this moment may be asked for again; `now` in milliseconds. */
export const retestBefore = (now: number): Date => new Date(now - RETEST_DAYS * 86_400_000);

/** The pool is the tasks whose hash begins below these four hexadecimal digits: the same for all researchers. */
export const poolBound = (fraction = POOL_FRACTION): string =>
  Math.min(Math.floor(fraction * 0x10000), POOL_MOST)
    .toString(16)
    .padStart(4, "0");
