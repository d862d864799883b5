/** A question about a text, answered in words, with how well the text answers it. */
import { z } from "zod";
import { defineTask } from "@tiller/task";

export const questionAnswer = defineTask({
  name: "question-answer",
  version: "1",
  title: "Answer a question about a text",
  input: z.strictObject({ passage: z.string(), question: z.string() }),
  view: {
    show: [
      { kind: "text", from: "passage", label: "Text" },
      { kind: "text", from: "question", label: "Question" },
    ],
    ask: [
      {
        kind: "choice",
        name: "found",
        label: "Does the text say it?",
        options: [
          { value: "yes", label: "Yes, in so many words" },
          { value: "implied", label: "It can be concluded" },
          { value: "no", label: "No" },
        ],
      },
      {
        kind: "text",
        name: "answer",
        label: "Answer",
        help: "Leave it empty when the text does not say it.",
        optional: true,
        rows: 3,
        limit: { unit: "words", max: 60 },
      },
    ],
  },
  check: (_input, { found, answer }) =>
    found !== "no" && !answer?.trim()
      ? "You say that the text answers it: write the answer."
      : undefined,
  samples: [
    {
      passage:
        "In the year of the great snow the post came by boat. The river was the only road that did not freeze, because the mill upstream never stopped.",
      question: "Why did the river not freeze?",
    },
    {
      passage:
        "The orchestra rehearsed without its conductor, who had lost his voice but not his temper.",
      question: "What was the conductor's name?",
    },
  ],
  instructions: `# Answer from the text

Use **only the text**, not what you happen to know. First say whether the text answers the question, then answer it in your own words, in one or two sentences.`,
});
