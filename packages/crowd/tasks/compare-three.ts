/** Read once, compare three times: one reading serves three comparisons (Wu et al. 2021, C.2.3). */
import { z } from "zod";
import { defineTask } from "@tiller/task";

const Pair = z.strictObject({ a: z.string(), b: z.string() });

export const compareThree = defineTask({
  name: "compare-three",
  version: "1",
  title: "Three pairs of summaries of one text",
  input: z.strictObject({ passage: z.string(), pairs: z.tuple([Pair, Pair, Pair]) }),
  view: {
    show: [{ kind: "text", from: "passage", label: "Text" }],
    ask: [
      {
        kind: "pair",
        name: "first",
        label: "First pair",
        a: "pairs.0.a",
        b: "pairs.0.b",
        tie: true,
      },
      {
        kind: "pair",
        name: "second",
        label: "Second pair",
        a: "pairs.1.a",
        b: "pairs.1.b",
        tie: true,
      },
      {
        kind: "pair",
        name: "third",
        label: "Third pair",
        a: "pairs.2.a",
        b: "pairs.2.b",
        tie: true,
      },
    ],
  },
  samples: [
    {
      passage:
        "The lighthouse keeper wrote to the board each spring for a new lamp, and each autumn they sent him paint. In the ninth year he painted a lamp on the wall, signed it, and sent them the bill. The lamp came within a month.",
      pairs: [
        {
          a: "A keeper who asked for a lamp and got paint sent a bill for a painted lamp, and then got a real one.",
          b: "A lighthouse keeper wrote many letters to a board.",
        },
        {
          a: "After nine years of letters, a joke got the keeper his lamp.",
          b: "The board sent a lamp at once because the keeper was a good painter.",
        },
        {
          a: "The keeper painted a lamp.",
          b: "The keeper got his new lamp only after billing the board for a painted one.",
        },
      ],
    },
    {
      passage:
        "Two brothers inherited one violin. The elder could play and the younger could not, so the younger sold his half to the elder, and with the money he learned to play the drum.",
      pairs: [
        {
          a: "Of two brothers with one violin, the one who could not play sold his half and learned the drum.",
          b: "Two brothers quarrelled about a violin.",
        },
        {
          a: "The younger brother bought a drum.",
          b: "The younger brother sold his half of a violin to pay for drum lessons.",
        },
        { a: "Both brothers ended up playing.", b: "The elder brother gave up music." },
      ],
    },
  ],
  instructions: `# Three pairs of summaries

Read the text **once, with care**. Then three pairs of summaries follow; choose the better one of each.

- Judge each pair by itself. The same summary may come again.
- A summary that says something false is worse than one that leaves something out.
- **No difference** is an answer, but a rare one.`,
});
