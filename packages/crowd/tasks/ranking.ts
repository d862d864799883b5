/** Four to nine answers put in order, the best first (Ouyang et al. 2022 rank this many). */
import { z } from "zod";
import { defineTask } from "@tiller/task";

export const ranking = defineTask({
  name: "ranking",
  version: "1",
  title: "Put these answers in order",
  input: z.strictObject({ prompt: z.string(), answers: z.array(z.string()).min(4).max(9) }),
  view: {
    show: [{ kind: "text", from: "prompt", label: "Request" }],
    ask: [{ kind: "ranking", name: "order", label: "Best first", items: "answers" }],
  },
  samples: [
    {
      prompt: "Suggest a name for a small bakery by the sea.",
      answers: [
        "Bakery",
        "The Salted Crust",
        "Here are some ideas: first, think of the sea.",
        "Low Tide Bread",
      ],
    },
    {
      prompt: "Explain in one sentence why bread rises.",
      answers: [
        "Because of heat.",
        "Yeast eats sugar in the dough and gives off gas, which stretched gluten holds in bubbles.",
        "Bread rises as yeast makes gas.",
        "Bread is a food made of flour and water that people have eaten for a long time.",
        "The flour expands in the bowl overnight when it is left alone.",
      ],
    },
  ],
  instructions: `# The best first

Press the number of the best answer, then of the next best, and so on to the last. Press a number again to take it out of the order.

- Put first what you would most like to get.
- Answers that are wrong or do harm go below those that are merely dull.`,
});
