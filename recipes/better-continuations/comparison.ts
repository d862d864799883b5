/** What people are asked: which of two continuations is more positive. */
import { z } from "zod";
import { simulateChoice } from "@tiller/crowd";
import { defineTask } from "@tiller/task";
import { simulatedPreference } from "./preference.ts";

const Continued = z.strictObject({ text: z.string(), sample: z.string() });
/** `a` and `b` are fixed, and so are answers; the side shown first is each lease's own. */
const ComparisonInput = z.strictObject({ passage: z.string(), a: Continued, b: Continued });
export type ComparisonInput = z.infer<typeof ComparisonInput>;
export interface ComparisonValue {
  readonly choice: "a" | "b" | "tie";
}

const anybody = { name: "anybody", tieBelow: 0.1, seconds: 20 };

export const comparison = defineTask({
  name: "comparison",
  version: "1",
  title: "Which continuation is more positive?",
  input: ComparisonInput,
  view: {
    show: [{ kind: "text", from: "passage", label: "Passage" }],
    ask: [
      { kind: "pair", name: "choice", label: "More positive", a: "a.text", b: "b.text", tie: true },
    ],
  },
  simulate: ({ a, b }, { rng, skill, by }) =>
    simulateChoice(by?.rater ?? { ...anybody, noise: 1 - skill }, {
      a: a.text,
      b: b.text,
      swap: by?.swap ?? false,
      preference: simulatedPreference,
      rng,
    }),
  samples: [
    {
      passage: "The sea was calm that morning.",
      a: { text: " The men sang as they worked.", sample: "a" },
      b: { text: " A shark had followed them all night.", sample: "b" },
    },
  ],
  instructions: `# Which continuation is better?

You see a passage of a book and two ways to go on. Choose the one with the **more positive tone**: warmth, hope, good fortune, kindness.

- Judge the continuation, not the passage.
- Both were written by a small model, and neither makes much sense. Go by the feel of the words.
- If you truly feel no difference, choose **No difference**. Do not use it to save time.
- Skip what you cannot judge, and say why. Nobody loses by it.

Two other people judge the same pair without seeing your answer.`,
});
