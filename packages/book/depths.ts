/**
 * What a tree still says at each depth (Wu et al. 2021 answer NarrativeQA from the summaries of depth 1, joined): answers to questions, by
 * whether they stand there, and by SQuAD's exact match and F1 (Rajpurkar et al. 2016) of what somebody answered from them.
 */
import { z } from "zod";
import { figureOf, type Figure } from "./annotations.ts";
import { joined } from "./prompt.ts";

/** A line of questions: any of the answers is right. */
export const GoldQuestion = z.strictObject({
  question: z.string().min(1),
  answers: z.array(z.string().min(1)).min(1),
});
export type GoldQuestion = z.infer<typeof GoldQuestion>;

export interface Depth {
  /** 0: the root */
  readonly depth: number;
  readonly height: number;
  readonly text: string;
  /** of this height, and how many of them are written */
  readonly nodes: number;
  readonly written: number;
}
/** All summaries of a height, joined in the book's order; from the root down. */
export function depthsOf(
  nodes: readonly { readonly id: string; readonly height: number; readonly index: number }[],
  textOf: (id: string) => string | undefined,
): Depth[] {
  const levels = [...Map.groupBy(nodes, (n) => n.height)].toSorted(([a], [b]) => b - a);
  return levels.map(([height, level], depth) => {
    const texts = level.toSorted((a, b) => a.index - b.index).flatMap((n) => textOf(n.id) ?? []);
    return { depth, height, text: joined(texts), nodes: level.length, written: texts.length };
  });
}

/** SQuAD's: lower case, no punctuation, no articles, single spaces. */
export const normalised = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[\p{P}\p{S}]/gu, "")
    .replaceAll(/\b(?:a|an|the)\b/g, " ")
    .replaceAll(/\s+/g, " ")
    .trim();

/** Whether one of the answers stands in a text, as whole words; one of articles and marks alone does not count. */
export function retained(text: string, answers: readonly string[]): boolean {
  const within = ` ${normalised(text)} `;
  return answers.map(normalised).some((a) => a !== "" && within.includes(` ${a} `));
}
export const exactMatch = (said: string, answers: readonly string[]): boolean =>
  answers.some((a) => normalised(a) === normalised(said));
/** The best over the answers of the harmonic mean of precision and recall of words. */
export function tokenF1(said: string, answers: readonly string[]): number {
  const words = (text: string) => normalised(text).split(" ").filter(Boolean);
  return Math.max(
    ...answers.map((answer) => {
      const [own, gold] = [words(said), words(answer)];
      if (own.length === 0 || gold.length === 0) return Number(own.length === gold.length);
      const left = Map.groupBy(gold, (w) => w);
      const shared = own.filter((w) => left.get(w)?.pop() !== undefined).length;
      if (shared === 0) return 0;
      const [precision, recall] = [shared / own.length, shared / gold.length];
      return (2 * precision * recall) / (precision + recall);
    }),
  );
}

export interface DepthScore extends Omit<Depth, "text"> {
  readonly words: number;
  readonly retained: Figure;
  readonly exact?: Figure;
  readonly f1?: Figure;
}
/** `said`: what was answered from this depth, a question each; questions are drawn for the intervals. */
export function scoreDepth(
  { text, ...d }: Depth,
  questions: readonly GoldQuestion[],
  said?: readonly string[],
): DepthScore {
  const figure = (of: (q: GoldQuestion, i: number) => number | boolean) =>
    figureOf(questions.map((q, i) => ({ book: `${i}`, value: Number(of(q, i)) })));
  return {
    ...d,
    words: text.match(/\S+/g)?.length ?? 0,
    retained: figure((q) => retained(text, q.answers)),
    ...(said && {
      exact: figure((q, i) => exactMatch(said[i]!, q.answers)),
      f1: figure((q, i) => tokenF1(said[i]!, q.answers)),
    }),
  };
}
