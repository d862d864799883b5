/**
 * A prover writes a solution step by step, helpful or sneaky by lot, and a verifier says how likely it is right (Kirchner et al.
 * 2024). Differs: the verifier's credence is paid by the quadratic score, where there a model is trained on the two classes.
 */
import { parseRules } from "../rules.ts";

export const proverVerifier = parseRules(
  {
    name: "prover-verifier",
    source: "Kirchner et al. 2024, arXiv 2407.13692",
    about: "A prover shows a solution step by step, and a verifier says how far to believe it.",
    seats: { prover: { role: "debater", knows: ["text", "truth"] }, verifier: { role: "judge" } },
    rounds: [
      {
        do: "speak",
        label: "solution",
        seats: ["prover"],
        together: false,
        items: { least: 1, most: 20 },
        characters: 6000,
        each: 600,
      },
      { do: "credence", label: "verdict", seats: ["verifier"], characters: 750, may: "end" },
    ],
    scoring: { rule: "brier" },
  },
  "prover-verifier",
);
