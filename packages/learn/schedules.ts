/** Learning rates over a run, as data: what the peak is multiplied by at each step. */
import { z } from "zod";

export const Schedule = z.strictObject({
  shape: z.enum(["constant", "linear", "cosine"]).default("cosine"),
  steps: z.int().positive().describe("of the whole run"),
  warmup: z.int().nonnegative().default(0).describe("steps of a linear rise from 0"),
  end: z.number().min(0).max(1).default(0).describe("part of the peak that is left at the end"),
});
export type Schedule = z.infer<typeof Schedule>;

/** The factor at `step` (from 1). At `warmup` it is 1, at `steps` it is `end`, and so it stays. */
export function rateAt(s: Schedule, step: number): number {
  if (step < s.warmup) return step / s.warmup;
  if (s.shape === "constant") return 1;
  const done = Math.min(1, Math.max(0, (step - s.warmup) / Math.max(1, s.steps - s.warmup)));
  const left = s.shape === "linear" ? 1 - done : (1 + Math.cos(Math.PI * done)) / 2;
  return s.end + (1 - s.end) * left;
}
