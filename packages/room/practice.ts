/**
 * A room that is over, to practise on: everybody but its judge says what they said then, and it goes on as long as it did, unless the
 * new judge ends it before. Practice rooms have known answers and no results.
 */
import { setOwn, TillerError } from "@tiller/schema";
import type { Act, Log } from "./moves.ts";
import { Rules } from "./rules.ts";
import { replay, seatsOf, type Visit } from "./state.ts";

interface Practice {
  readonly rules: Rules;
  /** the seat of whoever practises */
  readonly judge: string;
  /** what the other seats said, in their order */
  readonly acts: Readonly<Record<string, readonly Act[]>>;
}

/** Refuses what cannot be played again: the others must not have answered to the judge. */
export function practiceOf(rules: Rules, log: Log): Practice {
  const { visits, over } = replay(rules, log);
  const bad = (why: string) =>
    new TillerError("no_practice", `nobody can practise on this room: ${why}. Offer another one.`);
  if (over?.by !== "judge" && over?.by !== "rounds") throw bad("it has no verdict");
  const [judge, ...more] = seatsOf(rules, "judge");
  if (judge === undefined || more.length > 0) throw bad("it has not one judge");
  const played = rules.rounds.filter((r) => r.do !== "again");
  if (played.some((r) => r.do !== "credence" && r.seats.includes(judge)))
    throw bad("its judge did more than say how likely each answer is");
  const acts: Record<string, Act[]> = {};
  for (const [seat, { role }] of Object.entries(rules.seats)) {
    if (role === "chance") throw bad("a seat is drawn by lot");
    const said = visits.flatMap((v) => v.played.filter((p) => p.seat === seat).map((p) => p.act));
    if (said.some((a) => a.do === "lapse")) throw bad(`${seat} once said nothing in time`);
    if (seat !== judge) setOwn(acts, seat, said);
  }
  const shorter = Rules.safeParse({ ...rules, rounds: asLong(rules, visits) });
  if (!shorter.success)
    throw bad(`without what was not played: ${shorter.error.issues[0]!.message}`);
  return { rules: shorter.data, judge, acts };
}

/** The rounds as far as all was said in them: the record has no more words. */
function asLong(rules: Rules, visits: readonly Visit[]): Rules["rounds"] {
  const times = (label: string) => visits.filter((v) => v.round.label === label).length;
  const last = rules.rounds.findLastIndex((r) => r.do !== "again" && times(r.label) > 0);
  return rules.rounds.flatMap((r, i): Rules["rounds"] => {
    if (r.do !== "again") return i <= last ? [r] : [];
    const from = rules.rounds.findIndex((x) => x.label === r.to);
    const inside = rules.rounds.slice(from, i).map((x) => times(x.label));
    const most = Math.min(...inside.filter((n) => n > 0)) - 1;
    return most > 0 && Number.isFinite(most) ? [{ ...r, most }] : [];
  });
}

/** Passed: more than even credence for what is right. */
export const passes = (credence: readonly number[], truth: number): boolean =>
  credence[truth]! > 1 / credence.length;
