/**
 * What a summary says to someone who has not seen the text, then how good it is beside the text (the naive reading of
 * Stiennon et al. 2020, C.1). The first answer is fixed when the text appears; `revealed` keeps when that was.
 */
import { z } from "zod";
import { defineTask } from "@tiller/task";

export const naiveImpression = defineTask({
  name: "naive-impression",
  version: "1",
  title: "First the summary, then the text",
  input: z.strictObject({ summary: z.string(), passage: z.string() }),
  view: {
    show: [
      { kind: "text", from: "summary", label: "Summary" },
      { kind: "text", from: "passage", label: "Text", step: 1 },
    ],
    ask: [
      {
        kind: "text",
        name: "impression",
        label: "What do you take from the summary?",
        help: "One sentence, before you see the text. It cannot be changed afterwards.",
        rows: 3,
        limit: { unit: "words", min: 3, max: 60 },
      },
      {
        kind: "rating",
        name: "faithful",
        label: "Beside the text: how true was your impression?",
        points: 7,
        low: "Not at all",
        high: "Entirely",
        step: 1,
      },
    ],
  },
  samples: [
    {
      summary: "A sailor comes home after years and nobody knows him but his dog.",
      passage:
        "When he came up from the harbour the baker asked whether he was new in town. At the gate an old dog, half blind, stood up, walked to him without haste, and lay down again upon his boots.",
    },
    {
      summary: "The village won its trial.",
      passage:
        "The judge ruled for the village, but the well had been dry for a year, and the village had moved.",
    },
  ],
  instructions: `# First impression

You first see **only the summary**. Write in one sentence what you take from it, as if you would never see the text.

Then the text appears. Say how true your impression was. A summary that leads readers astray is bad even when each of its words is right.`,
});
