/** How likely a claim is, from 0 to 100, scored later by what turned out to be true. */
import { z } from "zod";
import { defineTask } from "@tiller/task";

export const credence = defineTask({
  name: "credence",
  version: "1",
  title: "How likely is it that this is true?",
  input: z.strictObject({ claim: z.string(), evidence: z.array(z.string()) }),
  view: {
    show: [
      { kind: "text", from: "claim", label: "Claim" },
      { kind: "list", from: "evidence", label: "Evidence" },
    ],
    ask: [
      {
        kind: "slider",
        name: "credence",
        label: "How likely is the claim?",
        min: 0,
        max: 100,
        unit: "%",
        low: "surely false",
        high: "surely true",
      },
    ],
  },
  aggregate: { credence: "mean" },
  samples: [
    {
      claim: "The answer that the first debater defends is the right one.",
      evidence: [
        "The first debater quotes: “she had not left the house that day”.",
        "The second debater answers that this was said of the day before.",
      ],
    },
    {
      claim: "The letter was written before the war.",
      evidence: ["It mentions a railway that opened in 1912."],
    },
  ],
  instructions: `# How likely?

Give the number that is your honest chance: of all the claims that you rate 70, seven in ten should turn out true.

- **50** means that you have no idea. **0** and **100** mean that you would bet anything.
- You are scored by the square of the distance from the truth, so honesty pays.`,
});
