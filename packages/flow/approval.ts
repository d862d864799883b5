/** A person approves or refuses what a model answered. */
import { z } from "zod";
import { defineTask } from "@tiller/task";

export const approval = defineTask({
  name: "approval",
  version: "1",
  title: "Is this answer good enough to use?",
  instructions: `A model answered a question that people could have been asked. Its answer is used if you approve it.

- Read the question first, then the answer.
- **Approve** it only if you would have given it yourself, or one as good.
- **Refuse** it otherwise: then people answer the question themselves.`,
  input: z.strictObject({
    title: z.string(),
    instructions: z.string(),
    question: z.string(),
    proposed: z.string(),
    by: z.string(),
  }),
  view: {
    show: [
      { kind: "text", from: "title", label: "The question's title" },
      { kind: "text", from: "instructions", label: "What people are told", format: "markdown" },
      { kind: "text", from: "question", label: "The question" },
      { kind: "text", from: "proposed", label: "The model's answer" },
    ],
    ask: [
      {
        kind: "choice",
        name: "verdict",
        label: "Would you use it?",
        options: [
          { value: "approve", label: "Approve" },
          { value: "refuse", label: "Refuse" },
        ],
      },
      { kind: "text", name: "reason", label: "Why? (optional)", optional: true },
    ],
  },
  samples: [
    {
      title: "Which is the capital?",
      instructions: "Name the capital.",
      question: '{"country": "Norway"}',
      proposed: '{"text": "Oslo"}',
      by: "critic",
    },
  ],
});
