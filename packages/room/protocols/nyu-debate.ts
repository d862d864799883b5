/**
 * Debate as in Michael et al. 2023. Differs: the platform repeats without end, here after 30 rounds the last credence stands
 * (the longest published room has fewer).
 */
import { parseRules } from "../rules.ts";

const judge = { do: "credence", seats: ["judge"], characters: 750, may: "either" };
const speeches = { do: "speak", seats: ["a", "b"], characters: 750, quoted: 250 };
export const nyuDebate = parseRules(
  {
    name: "nyu-debate",
    source: "Michael et al. 2023, arXiv 2311.08702",
    about:
      "Two who know the text argue for different answers, speech by speech, until a judge who sees only their quotes has heard enough.",
    seats: {
      a: { role: "debater", knows: ["text", "truth"] },
      b: { role: "debater", knows: ["text", "truth"] },
      judge: { role: "judge" },
    },
    rounds: [
      { ...judge, label: "prior", may: "go on" },
      { ...speeches, label: "openings", together: true },
      { ...judge, label: "after-openings" },
      { ...speeches, label: "speeches", together: false },
      { ...judge, label: "verdict" },
      { do: "again", label: "repeat", to: "speeches", most: 30 },
    ],
    scoring: { rule: "log", base: 2, turnCost: 0.05 },
  },
  "nyu-debate",
);
