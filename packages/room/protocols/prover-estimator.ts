/**
 * Prover and estimator (Brown-Cohen, Irving and Piliouras 2025): the prover divides its claim, the estimator says how likely each
 * part is, the prover says of each whether that is too high or too low, and one part, drawn by lot, is divided next; the judge
 * checks what is left. Differs: estimates are tenths, depth is bounded by three, and the payoffs are the judge's and the debaters' of
 * this package and not the paper's, so that no equilibrium is claimed.
 */
import { parseRules } from "../rules.ts";

export const proverEstimator = parseRules(
  {
    name: "prover-estimator",
    source: "Brown-Cohen, Irving and Piliouras 2025, arXiv 2506.13609",
    about:
      "A claim is divided into parts, an estimator says how likely each is, and the debate goes on about one of them.",
    seats: {
      prover: { role: "debater", knows: ["text"] },
      estimator: { role: "debater", knows: ["text"] },
      lot: { role: "chance" },
      judge: { role: "judge" },
    },
    rounds: [
      {
        do: "speak",
        label: "parts",
        seats: ["prover"],
        together: false,
        items: { least: 2, most: 4 },
        characters: 1000,
        each: 250,
      },
      {
        do: "mark",
        label: "estimates",
        seats: ["estimator"],
        together: false,
        of: "parts",
        labels: ["0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9", "1"],
      },
      {
        do: "mark",
        label: "directions",
        seats: ["prover"],
        together: false,
        of: "parts",
        whose: "own",
        labels: ["too high", "too low"],
      },
      {
        do: "pick",
        label: "part",
        seats: ["lot"],
        together: false,
        from: { of: "parts", whose: "all" },
      },
      { do: "again", label: "recursion", to: "parts", most: 2, deeper: true },
      { do: "credence", label: "verdict", seats: ["judge"], characters: 750, may: "end" },
    ],
    scoring: { rule: "log", base: 2 },
  },
  "prover-estimator",
);
