/** Which moves a seat has before it, and which quotes everyone has. Everything that a seat gets is made from these two. */
import { own } from "@tiller/schema";
import { quotesOf } from "./moves.ts";
import type { Spanned } from "./quotes.ts";
import type { Rules } from "./rules.ts";
import { itemsOf, lastOf, type Played, type State, type Visit } from "./state.ts";

/** Spans in rounds that everyone sees. */
export function revealedQuotes(s: State): Spanned[] {
  return s.visits
    .filter((v) => isRevealed(s, v))
    .flatMap((v) => (v.round.do === "speak" ? itemsOf(v).flatMap((i) => quotesOf(i.content)) : []));
}
function isRevealed(s: State, visit: Visit): boolean {
  const { closed, n, round } = visit;
  if (closed === undefined) return false;
  if (s.over !== undefined || round.reveal === "round") return true;
  const { reveal } = round;
  return reveal !== "end" && s.visits.some((v) => v.n > n && v.round.label === reveal.with);
}

/** The moves of a round that a seat has before it, in no order that tells who was first. */
export function seenIn(rules: Rules, s: State, visit: Visit, seat: string): readonly Played[] {
  const partner = own(rules.seats, seat)?.partner;
  if (partner !== undefined && !s.over) return seenByWitness(rules, s, visit, seat, partner);
  const { round, played, entitled } = visit;
  if (round.do === "examine") {
    if (entitled.some((e) => e.seat === seat)) return played;
    if (!isRevealed(s, visit)) return [];
    const last = played.at(-1)!.act;
    const shown = last.do === "show" ? last.questions : [];
    const questions = played.flatMap((p, i) => (p.act.do === "ask" ? [i] : []));
    return shown.flatMap((q) => played.slice(questions[q]!, questions[q]! + 2));
  }
  if (isRevealed(s, visit)) return played;
  const heard =
    round.reveal === "round" && !round.together && entitled.some((e) => e.seat === seat);
  return heard ? played : played.filter((p) => p.seat === seat);
}

/** The examination that a witness is or was called to last. What it was asked before, its author saw no more of than was shown. */
export const callOf = (s: State, witness: string): Visit | undefined =>
  s.visits.findLast((v) => v.round.do === "examine" && v.round.witness === witness);

/** A witness is the author as of the text that is questioned: what the author saw then, and the questions since. */
function seenByWitness(
  rules: Rules,
  s: State,
  visit: Visit,
  seat: string,
  partner: string,
): readonly Played[] {
  const called = callOf(s, seat);
  if (called?.round.do !== "examine") return [];
  if (visit === called) return visit.played;
  const snapshot = lastOf({ ...s, visits: s.visits.slice(0, called.n) }, called.round.of);
  if (!snapshot || visit.n > snapshot.n) return [];
  if (visit.n === snapshot.n) return visit.played.filter((p) => p.seat === partner);
  return seenIn(rules, s, visit, partner);
}
