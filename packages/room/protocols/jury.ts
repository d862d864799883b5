/**
 * Debate before several judges. Our own, after Michael et al. 2023: nobody of the jury sees what another one thinks before all have judged alone
 * (groups whose members answer before they talk keep what each of them knows: Stasser and Titus 1985); then they talk, each once, and judge
 * again. `severalJudges` makes any protocol with one judge into one whose judges stay alone until the end.
 */
import { TillerError } from "@tiller/schema";
import { parseRules, type Rules } from "../rules.ts";
import { seatsOf } from "../state.ts";
import { nyuDebate } from "./nyu-debate.ts";

const judges = ["judge-1", "judge-2", "judge-3"];
const debaters = ["a", "b"];
const alone = {
  do: "credence",
  seats: judges,
  characters: 750,
  may: "go on",
  reveal: { with: "discussion" },
};
const speeches = { do: "speak", seats: debaters, characters: 750, quoted: 250 };
export const jury = parseRules(
  {
    name: "jury",
    source: "ours, after Michael et al. 2023: judges alone, then a discussion, then again",
    about: "A debate before three judges who decide alone, then talk, then decide again.",
    seats: {
      ...Object.fromEntries(
        debaters.map((d) => [d, { role: "debater", knows: ["text", "truth"] }]),
      ),
      ...Object.fromEntries(judges.map((j) => [j, { role: "judge" }])),
    },
    rounds: [
      { ...alone, label: "prior" },
      { ...speeches, label: "openings", together: true },
      { ...alone, label: "after-openings" },
      { ...speeches, label: "speeches", together: false },
      { ...alone, label: "alone" },
      { do: "speak", label: "discussion", seats: judges, together: false, characters: 750 },
      { do: "credence", label: "verdict", seats: judges, characters: 750, may: "end" },
    ],
    scoring: { rule: "log", base: 2 },
  },
  "jury",
);

/** The same rules with `n` judges for one: none sees another's word until the room is over, and it ends when all of them would end it. */
export function severalJudges(rules: Rules, n: number, o: { name: string; about: string }): Rules {
  const [judge, ...more] = seatsOf(rules, "judge");
  if (judge === undefined || more.length > 0)
    throw new TillerError(
      "bad_rules",
      `${rules.name} has ${more.length + (judge === undefined ? 0 : 1)} judges. Several judges are made of rules with one.`,
    );
  const named = Array.from({ length: n }, (_, i) => `${judge}-${i + 1}`);
  const seats = Object.entries(rules.seats).flatMap(([seat, s]) =>
    seat === judge ? named.map((j) => [j, s] as const) : [[seat, s] as const],
  );
  const rounds = rules.rounds.map((r) =>
    r.do === "again" || !r.seats.includes(judge)
      ? r
      : {
          ...r,
          seats: r.seats.flatMap((s) => (s === judge ? named : s)),
          ...(r.do === "credence" ? { reveal: "end" } : {}),
        },
  );
  const source = `${rules.source}; ${n} judges, each alone until the end, in place of one`;
  return parseRules({ ...rules, ...o, source, seats: Object.fromEntries(seats), rounds }, o.name);
}
/** Ten times around: before several judges all must want to end it, and few rooms have more rounds. */
const tenTimes = nyuDebate.rounds.map((r) => (r.do === "again" ? { ...r, most: 10 } : r));
export const nyuPanel = severalJudges({ ...nyuDebate, rounds: tenTimes }, 3, {
  name: "nyu-panel",
  about: "A debate before three judges who do not hear of each other until it is over.",
});
