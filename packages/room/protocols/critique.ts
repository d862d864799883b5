/**
 * One critique, then judgment (Saunders et al. 2022; Elasky et al. 2026 find that it has most of debate's benefit): a gives an
 * answer and its reasons, b says what is wrong with it, the judge says how likely each answer is, before and after.
 */
import { parseRules } from "../rules.ts";

const judge = { do: "credence", seats: ["judge"], characters: 750 };
export const critique = parseRules(
  {
    name: "critique",
    source: "Saunders et al. 2022, arXiv 2206.05802; Elasky et al. 2026, arXiv 2605.27483",
    about:
      "One gives an answer with reasons, another says what is wrong with it; the judge decides before and after.",
    seats: {
      a: { role: "debater", knows: ["text"] },
      b: { role: "debater", knows: ["text"] },
      judge: { role: "judge" },
    },
    rounds: [
      {
        do: "speak",
        label: "answer",
        seats: ["a"],
        together: false,
        characters: 1500,
        quoted: 500,
      },
      { ...judge, label: "alone", may: "go on" },
      {
        do: "speak",
        label: "critique",
        seats: ["b"],
        together: false,
        characters: 750,
        quoted: 250,
      },
      { ...judge, label: "verdict", may: "end" },
    ],
    scoring: { rule: "log", base: 2 },
  },
  "critique",
);
