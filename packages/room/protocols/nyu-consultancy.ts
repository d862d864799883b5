/** Consultancy as in Michael et al. 2023: one debater for one answer, twice the characters. Bounded like nyu-debate. */
import { parseRules } from "../rules.ts";

const judge = { do: "credence", seats: ["judge"], characters: 750, may: "either" };
export const nyuConsultancy = parseRules(
  {
    name: "nyu-consultancy",
    source: "Michael et al. 2023, arXiv 2311.08702",
    about:
      "One who knows the text argues for an answer, right or wrong, until a judge who sees only the quotes has heard enough.",
    seats: { a: { role: "debater", knows: ["text", "truth"] }, judge: { role: "judge" } },
    rounds: [
      { ...judge, label: "prior", may: "go on" },
      {
        do: "speak",
        label: "speech",
        seats: ["a"],
        together: false,
        characters: 1500,
        quoted: 500,
      },
      { ...judge, label: "verdict" },
      { do: "again", label: "repeat", to: "speech", most: 30 },
    ],
    scoring: { rule: "log", base: 2, turnCost: 0.05 },
  },
  "nyu-consultancy",
);
