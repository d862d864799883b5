/** Writing what a good model would have written, within a limit of words. */
import { z } from "zod";
import { defineTask } from "@tiller/task";

export const demonstration = defineTask({
  name: "demonstration",
  version: "2",
  title: "Write a summary",
  input: z.strictObject({ passage: z.string() }),
  view: {
    show: [{ kind: "text", from: "passage", label: "Text" }],
    ask: [
      {
        kind: "text",
        name: "text",
        label: "Your summary",
        rows: 6,
        limit: { unit: "words", min: 6, max: 36 },
      },
    ],
  },
  simulate: ({ passage }, { rng, skill }) => {
    const words = passage.split(/\s+/).filter(() => rng.next() < 0.6);
    const some = (skill > rng.next() ? words : rng.shuffle(words)).slice(0, 24);
    return { text: some.join(" ") };
  },
  check: ({ passage }, { text }) =>
    text.length > 60 && passage.includes(text.trim())
      ? "This is copied from the text. Say it in your own words."
      : undefined,
  samples: [
    {
      passage:
        "The town had one clock and it was always seven minutes late. Trains waited for it, shops closed by it, and children were born by it. When a watchmaker offered to put it right, the council asked him who was then to tell everyone else.",
    },
    {
      passage:
        "For her hundredth birthday my grandmother asked for a bicycle. We gave her a picture of one. She sold it and bought a bicycle.",
    },
  ],
  instructions: `# Write a summary

Write what you would want to read instead of the text: **what happened, and why it matters**, in your own words and in plain, whole sentences.

- Between 6 and 36 words. The count below the box follows as you type.
- Nothing that is not in the text.
- What you write is saved as you go.`,
});
