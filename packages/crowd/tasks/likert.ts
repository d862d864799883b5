/** Ratings of one summary on several axes of seven points (the axes of Stiennon et al. 2020, C.5). */
import { z } from "zod";
import { defineTask } from "@tiller/task";

const ends = { low: "Terrible", high: "Perfect" };

export const likert = defineTask({
  name: "likert",
  version: "1",
  title: "How good is this summary?",
  input: z.strictObject({ passage: z.string(), summary: z.string() }),
  view: {
    show: [
      { kind: "text", from: "passage", label: "Text" },
      { kind: "text", from: "summary", label: "Summary" },
    ],
    ask: [
      { kind: "rating", name: "coherence", label: "Coherence", points: 7, ...ends },
      { kind: "rating", name: "accuracy", label: "Accuracy", points: 7, ...ends },
      { kind: "rating", name: "coverage", label: "Coverage", points: 7, ...ends },
      { kind: "rating", name: "overall", label: "Overall", points: 7, ...ends },
    ],
  },
  aggregate: { overall: "median" },
  samples: [
    {
      passage:
        "Ann planted one hundred bulbs along the road to the school. In spring only forty came up, all on the left side. A neighbour confessed that his goat had learned to count to sixty.",
      summary: "Ann planted bulbs along a road, and a goat ate most of them.",
    },
    {
      passage:
        "The museum opened a room for things that nobody asks about. Within a week it was the most visited room, and they had to close it.",
      summary: "A museum's room failed because no one came.",
    },
  ],
  instructions: `# Four ratings

- **Coherence**: is the summary clear by itself, without the text?
- **Accuracy**: is everything in it true to the text?
- **Coverage**: does it say what matters most in the text?
- **Overall**: how good is it as a whole? You may weigh the three as you see fit.

**1** is terrible, **4** is middling, **7** is perfect. Rate each axis by itself: a beautiful lie is coherent and not accurate.`,
});
