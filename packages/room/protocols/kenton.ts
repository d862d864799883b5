/**
 * Consultancy as in Kenton et al. 2024: the consultant is given a side (assigned), or takes one (open); the judge asks in
 * between and decides after three rounds.
 */
import { parseRules } from "../rules.ts";

const seats = { a: { role: "debater", knows: ["text", "truth"] }, judge: { role: "judge" } };
const rounds = [
  { do: "speak", label: "advice", seats: ["a"], together: false, characters: 2000 },
  { do: "credence", label: "questions", seats: ["judge"], characters: 1000, may: "go on" },
  { do: "again", label: "repeat", to: "advice", most: 2 },
  { do: "credence", label: "verdict", seats: ["judge"], characters: 1000, may: "end" },
];
const scoring = { rule: "log", base: 2 };
const source = "Kenton et al. 2024, arXiv 2407.04622";

export const kentonAssigned = parseRules(
  {
    name: "kenton-assigned",
    source,
    about:
      "A consultant argues for the answer that it was given; the judge answers three times, then decides.",
    seats,
    rounds,
    scoring,
  },
  "kenton-assigned",
);
export const kentonOpen = parseRules(
  {
    name: "kenton-open",
    source,
    about:
      "A consultant chooses an answer and argues for it; the judge answers three times, then decides.",
    seats,
    rounds: [
      { do: "pick", label: "side", seats: ["a"], together: false, from: "answers" },
      ...rounds,
    ],
    scoring,
  },
  "kenton-open",
);
