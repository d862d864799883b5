/**
 * Recursive debate with cross-examination (Barnes and Christiano 2020). Claims, questions to a snapshot of the author, objections,
 * each conceded or challenged; the dishonest side picks one that is challenged and the debate is about it from then on. The judge
 * decides the last round only. Differs: claims of one round share 250 characters each, where the top claim shares them there;
 * questions come in a round of their own, where there they may replace an argument.
 */
import { parseRules } from "../rules.ts";

const both = { seats: ["a", "b"], together: true };
const examine = { do: "examine", of: "claims", most: 10, characters: 200 };
export const barnesChristiano = parseRules(
  {
    name: "barnes-christiano",
    source: "Barnes and Christiano 2020, Writeup: progress on AI safety via debate",
    about:
      "Claims, questions to their author as of when they were written, objections; the debate goes on about one that is challenged.",
    seats: {
      a: { role: "debater", knows: ["text", "truth"] },
      b: { role: "debater", knows: ["text", "truth"] },
      "a-then": { role: "witness", knows: ["text", "truth"], partner: "a" },
      "b-then": { role: "witness", knows: ["text", "truth"], partner: "b" },
      judge: { role: "judge" },
    },
    rounds: [
      {
        ...both,
        do: "speak",
        label: "claims",
        items: { least: 2, most: 4 },
        characters: 1000,
        each: 250,
      },
      { ...examine, label: "a-asks", seats: ["a"], witness: "b-then" },
      { ...examine, label: "b-asks", seats: ["b"], witness: "a-then" },
      {
        ...both,
        do: "speak",
        label: "objections",
        items: { least: 0, most: 4 },
        characters: 250,
        about: "claims",
      },
      { ...both, do: "mark", label: "answers", of: "objections", labels: ["concede", "challenge"] },
      {
        do: "pick",
        label: "crux",
        seats: ["dishonest"],
        together: true,
        from: { of: "objections", whose: "all", marked: ["challenge"] },
        none: "verdict",
      },
      { do: "again", label: "recursion", to: "claims", most: 3, deeper: true },
      { do: "credence", label: "verdict", seats: ["judge"], characters: 750, may: "end" },
    ],
    scoring: { rule: "log", base: 2 },
  },
  "barnes-christiano",
);
