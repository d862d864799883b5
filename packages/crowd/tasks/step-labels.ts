/** A label for each step of a solution, up to the first mistake (after Lightman et al. 2023). */
import { z } from "zod";
import { defineTask } from "@tiller/task";

export const stepLabels = defineTask({
  name: "step-labels",
  version: "1",
  title: "Judge each step of this solution",
  input: z.strictObject({ problem: z.string(), steps: z.array(z.string()).min(1).max(60) }),
  view: {
    show: [{ kind: "text", from: "problem", label: "Problem" }],
    ask: [
      {
        kind: "steps",
        name: "labels",
        label: "Steps",
        from: "steps",
        options: [
          { value: "great", label: "Great" },
          { value: "okay", label: "Okay" },
          { value: "bad", label: "Bad" },
          { value: "unsure", label: "Unsure" },
        ],
        stopAt: "bad",
      },
    ],
  },
  samples: [
    {
      problem:
        "A train covers 60 miles in 45 minutes. How far does it go in two hours at that speed?",
      steps: [
        "45 minutes are three quarters of an hour.",
        "So its speed is 60 · 0.75 = 45 miles an hour.",
        "In two hours it goes 90 miles.",
      ],
    },
    {
      problem: "What is the sum of the first ten odd numbers?",
      steps: [
        "The first ten odd numbers are 1, 3, 5, …, 19.",
        "Pair them from both ends: each pair adds up to 20.",
        "There are five pairs, so the sum is 100.",
      ],
    },
  ],
  instructions: `# Step by step

- **Great**: right, and it brings the solution forward.
- **Okay**: right or reasonable, but it does not help much.
- **Bad**: wrong, or it makes the rest wrong. This ends the task: later steps need no label.
- **Unsure**: you cannot tell. Better than a guess.

Judge whether the step follows from what stands before it, not whether you would have gone this way.`,
});
