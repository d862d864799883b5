/**
 * Debate between models (Khan et al. 2024): three simultaneous rounds of 70 to 150 words; the judge reads both orders, and
 * its two credences count as one. Interactive: it may say something after each round. Best-of-n by the judge's log-prob is how a
 * seat is filled and no rule. Differs: quotes are aligned spans, where there a quote is marked as verified or not.
 */
import { parseRules } from "../rules.ts";

const seats = {
  a: { role: "debater", knows: ["text", "truth"] },
  b: { role: "debater", knows: ["text", "truth"] },
  judge: { role: "judge" },
  "judge-swapped": { role: "judge", swapped: true },
};
const speeches = {
  do: "speak",
  label: "arguments",
  seats: ["a", "b"],
  together: true,
  characters: 2000,
  words: { least: 70, most: 150 },
};
const judges = {
  do: "credence",
  seats: ["judge", "judge-swapped"],
  characters: 1000,
  reveal: "end",
};
const scoring = { rule: "log", base: 2 };

export const khanStatic = parseRules(
  {
    name: "khan-static",
    source: "Khan et al. 2024, arXiv 2402.06782",
    about:
      "Three rounds of speeches at once, then two judges, each with the sides in another order.",
    seats,
    rounds: [
      speeches,
      { do: "again", label: "repeat", to: "arguments", most: 2 },
      { ...judges, label: "verdict", may: "end" },
    ],
    scoring,
  },
  "khan-static",
);
export const khanInteractive = parseRules(
  {
    name: "khan-interactive",
    source: "Khan et al. 2024, arXiv 2402.06782",
    about: "Three rounds of speeches at once, with the judge saying something after each.",
    seats: { a: seats.a, b: seats.b, judge: seats.judge },
    rounds: [
      speeches,
      {
        do: "credence",
        label: "questions",
        seats: ["judge"],
        characters: 1000,
        may: "go on",
      },
      { do: "again", label: "repeat", to: "arguments", most: 2 },
      { do: "credence", label: "verdict", seats: ["judge"], characters: 1000, may: "end" },
    ],
    scoring,
  },
  "khan-interactive",
);
