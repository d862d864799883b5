/** Which of several people's answers to a question about a text is right, with a critique of them at hand. */
import { z } from "zod";
import { defineTask } from "@tiller/task";

export const judgeAnswers = defineTask({
  name: "judge-answers",
  version: "1",
  title: "Which answer is best?",
  input: z.strictObject({
    passage: z.string(),
    question: z.string(),
    answers: z.array(z.string()).min(2).max(9),
    critique: z.string(),
  }),
  view: {
    show: [
      { kind: "text", from: "passage", label: "Text" },
      { kind: "text", from: "question", label: "Question" },
      { kind: "text", from: "critique", label: "A critique of the answers" },
    ],
    ask: [
      { kind: "ranking", name: "order", label: "Answers, best first", items: "answers" },
      {
        kind: "rating",
        name: "helped",
        label: "How much did the critique help?",
        points: 5,
        low: "Not at all, or it misled",
        high: "I would have judged wrongly without it",
      },
      { kind: "text", name: "why", label: "Why is the first one best?", rows: 2, optional: true },
    ],
  },
  samples: [
    {
      passage:
        "In the year of the great snow the post came by boat. The river was the only road that did not freeze, because the mill upstream never stopped.",
      question: "Why did the river not freeze?",
      answers: ["Because of the boats.", "Because the mill upstream kept the water moving."],
      critique: "The first answer turns cause and effect around: the boats came since it was open.",
    },
  ],
  instructions: `# Best answer first

Read the text before the answers. Put the answer that the **text** bears out best first; how well it is written comes second.

The critique may be wrong. Use what it shows you in the text, not what it claims.`,
});
