/** Which of two answers is better, where no difference is not an answer. */
import { z } from "zod";
import { defineTask } from "@tiller/task";

const Text = z.strictObject({ text: z.string() });

export const forcedComparison = defineTask({
  name: "forced-comparison",
  version: "1",
  title: "Which answer is better?",
  input: z.strictObject({ question: z.string(), a: Text, b: Text }),
  view: {
    show: [{ kind: "text", from: "question", label: "Question" }],
    ask: [
      {
        kind: "pair",
        name: "choice",
        label: "Better answer",
        a: "a.text",
        b: "b.text",
        tie: false,
      },
    ],
  },
  samples: [
    {
      question: "Why does the moon look larger near the horizon?",
      a: { text: "It is nearer to us then, and the air bends its light like a lens." },
      b: {
        text: "It does not: a photograph shows the same size. Near trees and houses our eyes judge it as far away, and so as large.",
      },
    },
    {
      question: "How long should I boil an egg for a firm yolk?",
      a: { text: "About ten minutes in boiling water, then into cold water." },
      b: { text: "Eggs are healthy, and there are many ways to prepare them." },
    },
  ],
  instructions: `# Which answer is better?

Choose the answer that you would rather get, had you asked. It should be **right**, answer **what was asked**, and be no longer than it needs.

There is no tie. When both seem equal, go by your first feeling.`,
});
