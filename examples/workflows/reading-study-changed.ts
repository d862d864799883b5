/**
 * recipes/reading-study.ts, changed: a person reads the answers and writes a better one, and somebody new judges it
 * among the others. Run: npm start -- --people --workflows examples/workflows/reading-study-changed.ts
 */
import { z } from "zod";
import { judgeAnswers, questionAnswer } from "@tiller/crowd";
import { workflow } from "@tiller/flow";
import { rng } from "@tiller/schema";
import { defineTask } from "@tiller/task";

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
    passage: z.string(),
    question: z.string(),
    people: z.int().min(1).default(2),
  }),
  async (flow, { passage, question, people }) => {
    const read = await flow.ask(questionAnswer, { passage, question }, { people });
    const first = read.values.map((v) => v.answer?.trim() || "The text does not say.");
    const list = first.map((a, i) => `${i + 1}. ${a}`).join("\n");

    const toImprove = { passage, question, answers: list };
    const better = await flow.ask(improve, toImprove, { not: read.people });
    // by the seed alone, so that a replay under another id has the same order
    const answers = rng(flow.seed, "order").shuffle([...first, better.value.answer]);

    const not = [...read.people, ...better.people]; // nobody judges what they wrote or read
    const toJudge = { passage, question, answers, critique: better.value.fault };
    const judged = await flow.ask(judgeAnswers, toJudge, { not });
    const best = answers[judged.value.order[0]!]!;
    await flow.save("verdicts", { passage, question, answers, best });
    return { best, improved: best === better.value.answer };
  },
);
