/** A kind of work of one's own: is a headline true to its article, and would one read on? */
import { z } from "zod";
import { defineTask } from "@tiller/task";

export const rateHeadline = defineTask({
  name: "rate-headline",
  version: "1",
  title: "Is this headline fair?",
  instructions: `# Is this headline fair?

A headline is **fair** when nobody who read the article would feel misled.`,
  input: z.strictObject({ article: z.string(), headline: z.string() }),
  view: {
    show: [
      { kind: "text", from: "headline", label: "Headline" },
      { kind: "text", from: "article", label: "Article" },
    ],
    ask: [
      { kind: "rating", name: "fair", label: "Fair", points: 5, low: "Misleads", high: "Fair" },
      { kind: "text", name: "better", label: "A better one", optional: true, rows: 2 },
    ],
  },
  check: (_input, { fair, better }) =>
    fair < 3 && !better ? "It misleads: write a better one." : undefined,
  samples: [
    { headline: "Town bans dogs", article: "Dogs must be on a lead in the park, the town says." },
  ],
});
