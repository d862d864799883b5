/** Correcting a text; the rater sees what changed, and the answer is the whole new text. */
import { z } from "zod";
import { defineTask } from "@tiller/task";

export const edit = defineTask({
  name: "edit",
  version: "1",
  title: "Correct this answer",
  input: z.strictObject({ question: z.string(), draft: z.string() }),
  view: {
    show: [{ kind: "text", from: "question", label: "Question" }],
    ask: [
      { kind: "text", name: "text", label: "The answer, corrected", edits: "draft" },
      {
        kind: "choice",
        name: "was",
        label: "What was wrong with it?",
        options: [
          { value: "nothing", label: "Nothing" },
          { value: "style", label: "Only how it was said" },
          { value: "fact", label: "Something was not true" },
          { value: "harm", label: "It could do harm" },
        ],
      },
    ],
  },
  simulate: ({ draft }, { rng, skill }) => {
    const words = draft.split(" ");
    if (rng.next() < skill) return { text: `${draft} That is all.`, was: "style" };
    words.splice(rng.int(words.length), 1);
    return { text: words.join(" "), was: rng.choose(["style", "fact"] as const) };
  },
  check: ({ draft }, { text, was }) =>
    text === draft && was !== "nothing"
      ? "The text is unchanged, but you say that something was wrong. Correct it, or choose “Nothing”."
      : text !== draft && was === "nothing"
        ? "You changed the text, but say that nothing was wrong. Say what it was."
        : undefined,
  samples: [
    {
      question: "What is the capital of Australia?",
      draft: "The capital of Australia is Sydney, which lies on the coast.",
    },
    {
      question: "How many legs does a spider have?",
      draft: "A spider has eight legs, an insect has six legs.",
    },
  ],
  instructions: `# Correct the answer

Change **as little as you must** so that the answer is true, clear and kind. Below the box you see your changes.

Then say what was wrong. If nothing was, leave the text as it is and choose **Nothing**.`,
});
