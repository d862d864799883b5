/**
 * `score(rules, log)`: what each seat earns, and what was said on the way. A judge earns by a proper rule less the cost of turns;
 * a debater earns the logarithm of the credence in its answer (Michael et al. 2023), of all judges together.
 */
import { own } from "@tiller/schema";
import { earned } from "./credence.ts";
import { charactersOf, type Log, quotesOf } from "./moves.ts";
import { newIn, type Spanned } from "./quotes.ts";
import type { Rules } from "./rules.ts";
import { seenIn } from "./revealed.ts";
import { type Ending, itemsOf, replay, seatsOf, type State } from "./state.ts";

export interface Score {
  readonly by: Ending;
  readonly truth: number;
  /** of all judges, each with the same weight; the first word and the last */
  readonly prior: readonly number[];
  readonly credence: readonly number[];
  /** rounds in which somebody spoke */
  readonly rounds: number;
  /** how often a judge went on, the prior included */
  readonly continues: number;
  readonly seats: Readonly<Record<string, number>>;
  /** each judge: before anything, before it heard another judge, and at last */
  readonly judges: Readonly<Record<string, JudgeWords>>;
  /** what the judges' mean credence earns, turns aside: before they heard each other, and at last */
  readonly pooled: { readonly alone: number; readonly last: number };
}
interface JudgeWords {
  readonly prior: readonly number[];
  readonly alone: readonly number[];
  readonly last: readonly number[];
}
const mean = (vectors: readonly (readonly number[])[]): number[] =>
  vectors[0]!.map((_, i) => vectors.reduce((sum, v) => sum + v[i]!, 0) / vectors.length);

/** Whether a judge had another judge's word before it when this round opened. */
function heardJudge(rules: Rules, s: State, seat: string, n: number): boolean {
  const others = seatsOf(rules, "judge").filter((j) => j !== seat);
  const then = { ...s, over: undefined, visits: s.visits.slice(0, n + 1) };
  return (
    others.length > 0 &&
    then.visits.some(
      (v) => v.n < n && seenIn(rules, then, v, seat).some((p) => others.includes(p.seat)),
    )
  );
}

/** Undefined where there is no verdict: the room goes on, was annulled, or no judge said anything. */
export function score(rules: Rules, log: Log): Score | undefined {
  const s = replay(rules, log);
  if (!s.open || !s.over || s.over.by === "annulled") return undefined;
  const { truth } = s.open;
  const said = new Map<string, { p: readonly number[]; end: boolean; n: number }[]>();
  for (const visit of s.visits)
    for (const { seat, act } of visit.played)
      if (act.do === "credence")
        said.set(seat, [...(said.get(seat) ?? []), { p: act.credence, end: act.end, n: visit.n }]);
  if (said.size === 0) return undefined;
  // in the rules' order: who was in first is nobody's business, nor a sum's
  const judges = seatsOf(rules, "judge").flatMap((seat) => {
    const words = said.get(seat);
    if (!words) return [];
    const alone = words.findLast((w) => !heardJudge(rules, s, seat, w.n)) ?? words[0]!;
    return {
      seat,
      prior: words[0]!.p,
      alone: alone.p,
      last: words.at(-1)!.p,
      continues: words.filter((w) => !w.end).length,
    };
  });
  const credence = mean(judges.map((j) => j.last));
  const { scoring } = rules;
  const pooled = (p: readonly number[]) => earned(scoring, p, truth);
  return {
    by: s.over.by,
    truth,
    prior: mean(judges.map((j) => j.prior)),
    credence,
    rounds: s.visits.filter((v) => v.round.do === "speak" && v.played.length > 0).length,
    continues: Math.max(...judges.map((j) => j.continues)),
    seats: Object.fromEntries([
      ...judges.map((j) => [
        j.seat,
        earned(scoring, j.last, truth) - scoring.turnCost * j.continues,
      ]),
      ...Object.entries(s.sides).map(([seat, side]) => [
        seat,
        earned({ ...scoring, rule: "log" }, credence, side),
      ]),
    ]),
    judges: Object.fromEntries(
      judges.map(({ seat, prior, alone, last }) => [seat, { prior, alone, last }]),
    ),
    pooled: { alone: pooled(mean(judges.map((j) => j.alone))), last: pooled(credence) },
  };
}

export interface Said {
  readonly seat: string;
  readonly honest: boolean;
  readonly visit: number;
  readonly characters: number;
  readonly quoted: number;
  /** of the quoted, what no earlier round had */
  readonly fresh: number;
}
/** What each debater said in each round of speeches. */
export function said(rules: Rules, log: Log): Said[] {
  const s = replay(rules, log);
  const out: Said[] = [];
  let covered: Spanned[] = [];
  for (const visit of s.visits) {
    if (visit.round.do !== "speak") continue;
    const before = covered;
    const speakers = new Set(itemsOf(visit).map((i) => i.seat));
    for (const seat of speakers) {
      const content = itemsOf(visit).flatMap((i) => (i.seat === seat ? i.content : []));
      const quotes = quotesOf(content);
      covered = [...covered, ...quotes];
      out.push({
        seat,
        honest: own(s.sides, seat) === s.open!.truth,
        visit: visit.n,
        characters: charactersOf(content),
        quoted: quotes.reduce((sum, q) => sum + q.to - q.from, 0),
        fresh: newIn(quotes, before),
      });
    }
  }
  return out;
}
