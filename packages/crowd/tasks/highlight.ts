/** Marking places in a text with labels. Offsets count UTF-16 units, as JavaScript and the Label Studio format do. */
import { z } from "zod";
import { defineTask } from "@tiller/task";

export const highlight = defineTask({
  name: "highlight",
  version: "1",
  title: "Mark what is wrong in the summary",
  input: z.strictObject({ passage: z.string(), summary: z.string() }),
  view: {
    show: [{ kind: "text", from: "passage", label: "Text" }],
    ask: [
      {
        kind: "spans",
        name: "marks",
        label: "Summary",
        help: "Nothing wrong? Then mark nothing and send it.",
        from: "summary",
        optional: true,
        labels: [
          { value: "false", label: "Not true" },
          { value: "unsupported", label: "Not in the text" },
          { value: "unclear", label: "Unclear" },
        ],
      },
    ],
  },
  aggregate: { marks: "spans-majority" },
  samples: [
    {
      passage:
        "Both teams had asked for the same referee. He declined, since he was the father of one captain and owed money to the other.",
      summary: "The referee declined since he was the brother of a captain and a famous judge.",
    },
    {
      passage: "Snow fell on the first of May, and the apple trees flowered all the same.",
      summary: "It snowed in May and the trees died.",
    },
  ],
  instructions: `# Mark what is wrong

Mark the **shortest run of words** that makes it wrong, and give it a label:

- **Not true**: the text says otherwise.
- **Not in the text**: it may be true, but the text does not say it.
- **Unclear**: you cannot tell what is meant.

With the keyboard: arrows go from word to word, Shift and an arrow stretch, a number labels. The same number again takes the label off.`,
});
