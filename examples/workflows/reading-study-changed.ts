/**
 * The recipe recipes/reading-study.ts, changed: no judge at the end, but a person who reads the answers and the
 * critique and writes a better answer; then somebody new says which of all they prefer. People do it all, the critic
 * too, unless the run's `agents` say otherwise.
 * Run: npm start -- --workflows examples/workflows/reading-study-changed.ts
 *      npm run tiller -- run start reading-study-changed@1 --input '{"passage": "...", "question": "..."}'
 */
import { z } from "zod";
import { judgeAnswers, questionAnswer } from "@tiller/crowd";
import { workflow } from "@tiller/flow";
import { defineTask } from "@tiller/schema";

const improve = defineTask({
  name: "improve-answer",
  version: "1",
  title: "Write a better answer",
  instructions:
    "Read the text and the answers of others. Write one that leaves nothing to object to.",
  input: z.strictObject({ passage: z.string(), question: z.string(), answers: z.string() }),
  view: {
    show: [
      { kind: "text", from: "passage", label: "Text" },
      { kind: "text", from: "question", label: "Question" },
      { kind: "text", from: "answers", label: "Answers so far" },
    ],
    ask: [
      { kind: "text", name: "answer", label: "Your answer", rows: 3 },
      { kind: "text", name: "fault", label: "What was wrong with the others?", rows: 2 },
    ],
  },
  samples: [{ passage: "The cat sat on the mat.", question: "Who sat?", answers: "1. A dog." }],
});

export const changed = workflow(
  "reading-study-changed@1",
  z.strictObject({
    passage: z.string().min(1).describe("the text that is read"),
    question: z.string().min(1),
    people: z.int().min(1).max(8).default(2).describe("who answer first"),
  }),
  async (flow, { passage, question, people }) => {
    const read = await flow.ask(questionAnswer, { passage, question }, { people });
    const first = read.values.map((v) => v.answer?.trim() || "The text does not say.");
    const list = first.map((a, i) => `${i + 1}. ${a}`).join("\n");

    const better = await flow.ask(
      improve,
      { passage, question, answers: list },
      { not: read.people },
    );
    const answers = await flow.step("shuffle", ({ rng }) =>
      rng.shuffle([...first, better.value.answer]),
    );

    const not = [...read.people, ...better.people]; // nobody judges what they wrote or read
    const judged = await flow.ask(
      judgeAnswers,
      { passage, question, answers, critique: better.value.fault },
      { not },
    );
    const best = answers[judged.value.order[0]!]!;
    await flow.save("verdicts", { passage, question, answers, best });
    return { best, improved: best === better.value.answer };
  },
);
