/** Which of two texts is better and how surely, on nine points from one side to the other (Stiennon et al. 2020, C.1). */
import { z } from "zod";
import { defineTask } from "@tiller/task";

const Text = z.strictObject({ text: z.string() });

export const gradedComparison = defineTask({
  name: "graded-comparison",
  version: "1",
  title: "Which summary is better, and how sure are you?",
  input: z.strictObject({ passage: z.string(), a: Text, b: Text }),
  view: {
    show: [{ kind: "text", from: "passage", label: "Text" }],
    ask: [
      {
        kind: "pair",
        name: "choice",
        label: "Better summary",
        a: "a.text",
        b: "b.text",
        tie: true,
        confidence: "confidence",
      },
    ],
  },
  samples: [
    {
      passage:
        "My sister asked me to look after her dog for a weekend. That was three weeks ago. She answers my messages, but each time there is a new reason why she cannot fetch him. I like the dog, but I work all day.",
      a: { text: "A dog is with me and I work all day." },
      b: {
        text: "My sister left her dog with me for a weekend three weeks ago and keeps putting off fetching him, though I work all day.",
      },
    },
    {
      passage:
        "The ferry was cancelled because of the wind, so the choir sang in the waiting room for two hours, and in the end nobody minded.",
      a: { text: "A cancelled ferry turned into a concert that everyone enjoyed." },
      b: { text: "The ferry did not sail in the wind." },
    },
  ],
  instructions: `# Which summary is better?

Read the text, then both summaries. Choose on nine points: **1** means surely the first one, **9** surely the second one, **5** no difference.

- A good summary says what matters, is true to the text, and reads well by itself.
- Length is no merit. A shorter one that says the same is better.
- Use the ends only when you would be surprised to learn that others disagree.`,
});
