/**
 * Debate before a judge who may ask an oracle about a few claims (the oracle of Brown-Cohen, Irving and Piliouras 2023, with a
 * person or a model that knows the text in its place). Both sides claim, the judge picks one claim at a time, the oracle says
 * whether it is true and nothing else.
 */
import { parseRules } from "../rules.ts";

export const oracleLimited = parseRules(
  {
    name: "oracle-limited",
    source: "after Brown-Cohen, Irving and Piliouras 2023, arXiv 2311.14125",
    about:
      "Both sides make claims, and the judge may have three of them checked by somebody who knows the text.",
    seats: {
      a: { role: "debater", knows: ["text", "truth"] },
      b: { role: "debater", knows: ["text", "truth"] },
      oracle: { role: "oracle", knows: ["text"] },
      judge: { role: "judge" },
    },
    rounds: [
      {
        do: "speak",
        label: "claims",
        seats: ["a", "b"],
        together: true,
        items: { least: 1, most: 4 },
        characters: 1000,
        each: 250,
      },
      {
        do: "pick",
        label: "query",
        seats: ["judge"],
        together: false,
        from: { of: "claims" },
      },
      {
        do: "mark",
        label: "oracle-says",
        seats: ["oracle"],
        together: false,
        of: "claims",
        picked: true,
        labels: ["true", "false"],
      },
      { do: "again", label: "repeat", to: "query", most: 2 },
      { do: "credence", label: "verdict", seats: ["judge"], characters: 750, may: "end" },
    ],
    scoring: { rule: "log", base: 2 },
  },
  "oracle-limited",
);
