/**
 * A reading study, the seed of all: sample passages of a book, ask several people about them, let a model criticise
 * their answers, and ask somebody else who of all of them is right.
 *
 *   passage -> several people's answers -> a model's critique of them -> another person's verdict -> saved
 */
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { judgeAnswers, questionAnswer } from "@tiller/crowd";
import { workflow } from "@tiller/flow";
import { loadTokenizer, normalise, samplePassages } from "@tiller/lm";
import { type Prompt, prompt } from "@tiller/schema";
import { inputPath } from "@tiller/store";
import { corpus } from "./corpus.ts";
import { baseModel } from "./shared.ts";

const Study = z.strictObject({
  file: z
    .string()
    .optional()
    .describe("a text file below HOME/inputs or another declared folder; Moby Dick when absent"),
  passages: z.int().positive().default(10),
  minPassage: z.int().positive().default(40).describe("tokens"),
  maxPassage: z.int().positive().default(120).describe("tokens"),
  questions: z
    .array(z.string())
    .min(1)
    .default(["Who acts here, and what do they want?", "What has happened just before?"]),
  people: z.int().min(2).max(9).default(3).describe("people who answer each question"),
  critic: z.string().describe("model that criticises the answers; base reads only 128 tokens"),
  criticTokens: z.int().positive().default(200).describe("tokens of a critique at most"),
});

export const readingStudy = workflow(
  "reading-study@1",
  Study,
  async (flow, c) => {
    const passages = await flow.step("passages", async () => {
      const book = c.file ? await readBook(c.file) : corpus().moby;
      const tokenizer = await loadTokenizer(baseModel);
      const limits = { minTokens: c.minPassage, maxTokens: c.maxPassage };
      return samplePassages(book, { n: c.passages, seed: flow.seed, tokenizer, ...limits });
    });
    const { people, critic, criticTokens } = c;
    const asked = passages.flatMap((passage) => c.questions.map((q) => ({ passage, question: q })));
    const verdicts = await flow.map("questions", asked, (about) =>
      flow.child(readQuestion, { ...about, people, critic, criticTokens }),
    );
    return { verdicts: await flow.save("verdicts", verdicts), best: verdicts.map((v) => v.best) };
  },
  { labelling: true },
);

/** A book at most: it is read whole. */
const LARGEST = 64 * 2 ** 20;
const readBook = async (given: string): Promise<string> =>
  normalise(await readFile(await inputPath(given, { kind: "file", atMost: LARGEST }), "utf8"));

/** One question about one passage. */
export const readQuestion = workflow(
  "read-question@1",
  z.strictObject({
    passage: z.string(),
    question: z.string(),
    people: z.int().min(2),
    critic: z.string(),
    criticTokens: z.int(),
  }),
  async (flow, { passage, question, people, critic, criticTokens }) => {
    const read = await flow.ask(questionAnswer, { passage, question }, { people });
    const answers = read.values.map((v) => v.answer?.trim() || "The text does not say.");

    const about = critiquePrompt({ passage, question, answers });
    const critique = await flow.model(critic, about, { name: "critique", maxTokens: criticTokens });

    const toJudge = { passage, question, answers, critique };
    const verdict = await flow.ask(judgeAnswers, toJudge, { not: read.people });
    const { order, helped, why } = verdict.value;
    return { ...toJudge, order, helped, why, best: answers[order[0]!]! };
  },
  { labelling: true },
);

const critiquePrompt = (x: { passage: string; question: string; answers: string[] }): Prompt =>
  prompt`${x.passage}

Question: ${x.question}

Answers:
${x.answers.map((a, i) => `${i + 1}. ${a}`).join("\n")}

The worst fault of these answers is`;
