/**
 * How many answers a task gets: not a fixed number, but until the posterior is sure. `wanting` says which tasks to ask
 * about next, and `replay` tries a rule on answers recorded earlier, as if they came in by it, before it goes
 * live. A rule is data.
 */
import { z } from "zod";
import { largest, rng } from "@tiller/schema";
import { type LabelTable, without } from "./labels.ts";
import type { Inferred } from "./em.ts";
import { dawidSkene } from "./truth.ts";

export const OverlapRule = z.strictObject({
  least: z.int().positive().default(2).describe("answers every task gets"),
  most: z.int().positive().default(20).describe("answers no task exceeds"),
  sure: z
    .number()
    .min(0.5)
    .max(1)
    .default(0.999)
    .describe("stop asking when the top class is this probable"),
  perTask: z
    .number()
    .positive()
    .optional()
    .describe("budget: answers a task on average; the least certain are served first"),
  explore: z
    .number()
    .min(0)
    .max(1)
    .default(0.1)
    .describe("fraction of asks that go to anyone, and not to the most reliable free person"),
});
export type OverlapRule = z.infer<typeof OverlapRule>;

/** Tasks that want another answer, the least certain first. */
export function wanting(
  t: LabelTable,
  { posterior }: Pick<Inferred, "posterior">,
  p: OverlapRule,
): number[] {
  const K = t.labels.length;
  const certainty = t.tasks.map((_, i) => largest(posterior.subarray(i * K, i * K + K)));
  const answers = (i: number) => t.start[i + 1] - t.start[i];
  return t.tasks
    .keys()
    .filter((i) => answers(i) < p.most && (answers(i) < p.least || certainty[i] < p.sure))
    .toArray()
    .toSorted((a, b) => certainty[a] - certainty[b]);
}

export interface Replayed {
  readonly posterior: Float64Array;
  /** answers used */
  readonly used: number;
  readonly perTask: number;
  readonly rounds: number;
}

/**
 * Plays `rule` on recorded answers: a round infers from what was asked so far (Dawid-Skene), then asks one more
 * answer for every task that wants it, out of those recorded. Tasks in `gold` are a screening test: their answers are
 * known from the start, their truth is given, and they cost nothing here.
 */
export function replay(
  t: LabelTable,
  rule: OverlapRule,
  o: { seed?: number; gold?: ReadonlyMap<string, string> } = {},
): Replayed {
  const { seed = 1, gold } = o;
  const random = rng(seed, "replay");
  const screening = t.tasks.map((task) => gold?.has(task) ?? false);
  const tasks = screening.filter((s) => !s).length;
  const hidden = new Uint8Array(t.worker.length).fill(1);
  screening.forEach((s, i) => s && hidden.fill(0, t.start[i], t.start[i + 1]));
  const budget = Math.floor((rule.perTask ?? Infinity) * tasks);
  let [used, rounds] = [0, 0];
  for (;;) {
    const seen = without(t, hidden);
    const inferred = dawidSkene(seen, { smoothing: SMOOTHING, gold });
    let asked = 0;
    for (const i of wanting(seen, inferred, rule)) {
      if (screening[i] || used + asked >= budget) continue;
      const free: number[] = [];
      for (let r = t.start[i]; r < t.start[i + 1]; r++) if (hidden[r]) free.push(r);
      if (!free.length) continue;
      const best = free.reduce((a, b) =>
        inferred.reliability[t.worker[b]] > inferred.reliability[t.worker[a]] ? b : a,
      );
      hidden[random.next() < rule.explore ? free[random.int(free.length)] : best] = 0;
      asked++;
    }
    if (!asked) return { posterior: inferred.posterior, used, perTask: used / tasks, rounds };
    used += asked;
    rounds++;
  }
}
/** Heavier than for whole data sets: after a few answers a person's confusions are hardly known. */
const SMOOTHING = 0.3;
