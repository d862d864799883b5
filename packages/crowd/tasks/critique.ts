/** What is wrong with an answer, in words that would help its writer (after Saunders et al. 2022). */
import { z } from "zod";
import { defineTask } from "@tiller/task";

export const critique = defineTask({
  name: "critique",
  version: "1",
  title: "Say what is wrong with this answer",
  input: z.strictObject({ question: z.string(), answer: z.string() }),
  view: {
    show: [
      { kind: "text", from: "question", label: "Question" },
      { kind: "text", from: "answer", label: "Answer" },
    ],
    ask: [
      {
        kind: "text",
        name: "critique",
        label: "Its worst fault",
        rows: 5,
        limit: { unit: "words", min: 5, max: 120 },
      },
      {
        kind: "rating",
        name: "severity",
        label: "How bad is it?",
        points: 5,
        low: "A detail",
        high: "It makes the answer useless",
      },
    ],
  },
  samples: [
    {
      question: "Is it safe to look at an eclipse through sunglasses?",
      answer: "Yes, if the sunglasses are dark enough and you only look for a short time.",
    },
    {
      question: "Who wrote the first novel?",
      answer:
        "Nobody knows who wrote the first novel, but it is often said to be The Tale of Genji.",
    },
  ],
  instructions: `# The worst fault

Name the **one fault that matters most** and say why it is one, so that a reader who did not see it does. Quote the words in question.

A critique that finds a fault where there is none is worse than none: if the answer is good, say so and choose 1.`,
});
