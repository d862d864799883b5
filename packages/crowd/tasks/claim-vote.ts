/** Whether a claim about a text is right, with a reason that others may read if people do not agree. */
import { z } from "zod";
import type { Field } from "@tiller/schema";
import { defineTask } from "@tiller/task";

export const verdictFields = [
  {
    kind: "choice",
    name: "verdict",
    label: "Is the claim right?",
    options: [
      { value: "right", label: "Right" },
      { value: "wrong", label: "Wrong" },
      { value: "open", label: "The text leaves it open" },
    ],
  },
  {
    kind: "text",
    name: "reason",
    label: "Why?",
    help: "Others read it where people disagree.",
    rows: 2,
    limit: { unit: "words", min: 3, max: 60 },
  },
] as const satisfies readonly Field[];

export const claimVote = defineTask({
  name: "claim-vote",
  version: "1",
  title: "Is this claim about the text right?",
  input: z.strictObject({ passage: z.string(), claim: z.string() }),
  view: {
    show: [
      { kind: "text", from: "passage", label: "Text" },
      { kind: "text", from: "claim", label: "Claim" },
    ],
    ask: verdictFields,
  },
  samples: [
    {
      passage: "The post came by boat. The river was the only road that did not freeze.",
      claim: "The roads were frozen.",
    },
  ],
  instructions: `# Right, wrong or open

Judge by the **text alone**.

- **Right**: the text says it, or it surely follows.
- **Wrong**: the text speaks against it.
- **The text leaves it open**: neither of the two.`,
});
