/** The comparison task: which of two continuations is better. */
export const comparison = {
  name: "comparison",
  version: "1",
  instructions: `# Which continuation is better?

You see a passage of a book and two ways to go on. Choose the one with the **more positive tone**: warmth, hope, good fortune, kindness.

- Judge the continuation, not the passage.
- Both were written by a small model, and neither makes much sense. Go by the feel of the words.
- If you truly feel no difference, choose **tie**. Do not use it to save time.
- Skip what you cannot judge, and say why. Nobody loses by it.

Two other people judge the same pair without seeing your answer.`,
} as const;
