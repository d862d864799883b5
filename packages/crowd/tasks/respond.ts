/** A question, answered with the help of answers to smaller ones. */
import { z } from "zod";
import { defineTask } from "@tiller/task";

export const respond = defineTask({
  name: "respond",
  version: "1",
  title: "Answer with what others found",
  input: z.strictObject({
    question: z.string(),
    found: z.array(z.strictObject({ role: z.string(), text: z.string() })),
  }),
  view: {
    show: [
      { kind: "text", from: "question", label: "Question" },
      { kind: "turns", from: "found", label: "What others answered to smaller questions" },
    ],
    ask: [
      {
        kind: "text",
        name: "answer",
        label: "Answer",
        rows: 4,
        limit: { unit: "words", max: 150 },
      },
    ],
  },
  samples: [
    {
      question: "Should the village build a bridge or keep the ferry?",
      found: [
        { role: "How many people cross a day?", text: "About forty, most of them at eight." },
        { role: "How often is the ferry held up?", text: "Eleven days a year, by ice." },
      ],
    },
    { question: "How many days has a leap year?", found: [] },
  ],
  instructions: `# Answer the question

Use the answers to the smaller questions, and your own judgement where they are wrong or missing. Be brief: whoever asked has other questions too.`,
});
