/** Two tasks with a gold score that can be computed, so that a policy's true worth is known: what people stand for here. */
import { simulatedPreference } from "../../recipes/better-continuations/preference.ts";

const wordsOf = (text: string) => text.match(/[a-z]+/gi) ?? [];
export const tasks = {
  /** more positive words, by AFINN-165 */
  tone: simulatedPreference,
  /** plainer words: fewer letters a word */
  plain: (text: string): number => {
    const words = wordsOf(text);
    return words.length ? -words.reduce((n, w) => n + w.length, 0) / words.length : -10;
  },
} as const;
export type TaskName = keyof typeof tasks;
export const taskNames = Object.keys(tasks) as TaskName[];

/** A base small enough that a run takes seconds. */
export const base = {
  layers: 2,
  width: 64,
  heads: 4,
  vocabulary: 1024,
  context: 64,
  steps: 1500,
  batch: 16,
};
export const continuation = { maxTokens: 20, minTokens: 8, temperature: 1 };
export const sizes = { maxPrompt: 16, labels: 800, heldout: 128, bestOf: 16 };
