/** A room that is over, or a part of it, and which of two answers is right. */
import { z } from "zod";
import { defineTask } from "@tiller/task";

export const roomVerdict = defineTask({
  name: "room-verdict",
  version: "1",
  title: "Which answer is right?",
  input: z.strictObject({ question: z.string(), a: z.string(), b: z.string(), said: z.string() }),
  view: {
    show: [
      { kind: "text", from: "question", label: "Question" },
      { kind: "text", from: "a", label: "A" },
      { kind: "text", from: "b", label: "B" },
      { kind: "text", from: "said", label: "What was said" },
    ],
    ask: [
      {
        kind: "slider",
        name: "first",
        label: "How likely is A?",
        min: 1,
        max: 99,
        unit: "%",
        low: "B is right",
        high: "A is right",
      },
      { kind: "text", name: "why", label: "Why?", rows: 2, optional: true },
    ],
  },
  aggregate: { first: "mean" },
  samples: [
    {
      question: "Who has the lamp?",
      a: "Anna",
      b: "Tom",
      said: "OPENINGS\n\n[a, for A]\nShe was the last in the hall: “nobody had touched it since May” ✓",
    },
  ],
  instructions: `# Which answer is right?

Some of those who argue may have to argue for the wrong answer. You see of the text only what they quote: **“...” ✓** is in the text, word for word.

- Give your honest chance: of all the answers that you rate 70, seven in ten should be right. **50** means that you have no idea.
- You are scored by how much you give to the right one: honesty is best.
- You may see the same room again with more of it.`,
});
