/** Smaller questions whose answers help with a larger one. */
import { z } from "zod";
import { defineTask } from "@tiller/task";

export const subquestions = defineTask({
  name: "subquestions",
  version: "1",
  title: "Which smaller questions would help?",
  input: z.strictObject({ question: z.string(), most: z.int().positive() }),
  view: {
    show: [
      { kind: "text", from: "question", label: "Question" },
      { kind: "text", from: "most", label: "At most" },
    ],
    ask: [
      {
        kind: "text",
        name: "subquestions",
        label: "Smaller questions, one a line",
        help: "Leave it empty when the question is easy enough as it is.",
        rows: 5,
        optional: true,
      },
    ],
  },
  check: ({ most }, { subquestions: text }) =>
    linesOf(text).length > most ? `There are more than ${most}: keep the most useful.` : undefined,
  simulate: ({ question, most }, { rng, skill }) => ({
    subquestions: Array.from({ length: rng.next() < skill ? most : 1 }, (_, i) => {
      const words = question.split(/\s+/);
      return `What about part ${i + 1}: ${words.slice((i * words.length) / most).join(" ")}`;
    }).join("\n"),
  }),
  samples: [
    { question: "Should the village build a bridge or keep the ferry?", most: 3 },
    { question: "Is this proof right?", most: 2 },
  ],
  instructions: `# Take it apart

Write questions that **somebody who has not seen the large one** can answer, each by itself. Together their answers should make the large one easy.`,
});

/** The questions, without empty lines and numbering. */
export const linesOf = (text: string | undefined): string[] =>
  (text ?? "")
    .split("\n")
    .map((line) => line.replace(/^\s*(?:[-*]|\d+[.)])\s+/, "").trim())
    .filter(Boolean);
