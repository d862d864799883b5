/**
 * The statements protocol of DC-Debates (Recchia et al. 2026): both open; then two claims each, which the other side accepts or
 * objects to, and each side picks what the debate goes on about: a claim it objected to, or that the claims do not suffice.
 */
import { parseRules } from "../rules.ts";

const both = { seats: ["a", "b"], together: true };
const judge = { do: "credence", seats: ["judge"], characters: 1000 };
export const dcStatements = parseRules(
  {
    name: "dc-statements",
    source: "Recchia et al. 2026, DC-Debates",
    about:
      "Each side makes two claims, the other accepts them or objects; the debate narrows to one of them, or to what they leave out.",
    seats: {
      a: { role: "debater", knows: ["text", "truth"] },
      b: { role: "debater", knows: ["text", "truth"] },
      judge: { role: "judge" },
    },
    rounds: [
      { ...both, do: "speak", label: "openings", characters: 1000 },
      { ...judge, label: "prior", may: "go on" },
      {
        ...both,
        do: "speak",
        label: "statements",
        items: { least: 2, most: 2 },
        characters: 500,
        each: 250,
      },
      { ...both, do: "mark", label: "reactions", of: "statements", labels: ["agree", "object"] },
      {
        ...both,
        do: "pick",
        label: "crux",
        from: { of: "statements", marked: ["object"], meta: "These do not suffice." },
      },
      { ...judge, label: "credence", may: "go on" },
      { do: "again", label: "recursion", to: "statements", most: 2, deeper: true },
      { ...judge, label: "verdict", may: "end" },
    ],
    scoring: { rule: "log", base: 2 },
  },
  "dc-statements",
);
