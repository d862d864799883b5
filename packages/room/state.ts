/**
 * The fold: a log of moves becomes the rounds that were played, where the room stands, and how it ended. It asks only whether a
 * move has its turn; what a move may hold is asked before it is written (legal.ts), so that rooms from elsewhere fold too.
 */
import { Bug, own, setOwn, TillerError } from "@tiller/schema";
import type { Act, ActOf, Choice, Content, Log, Move, Open } from "./moves.ts";
import type { PlayedRound, Rules, Seat } from "./rules.ts";

export interface Played {
  readonly seat: string;
  readonly at: number;
  readonly act: Act;
}
export interface Entitled {
  readonly seat: string;
  /** as the rules name it and as others see it: a seat, or honest or dishonest */
  readonly as: string;
}
/** One time that a round was played. */
export interface Visit {
  readonly n: number;
  readonly round: PlayedRound;
  readonly depth: number;
  readonly opened: number;
  readonly entitled: readonly Entitled[];
  readonly played: Played[];
  closed?: number;
  /** milliseconds given to everybody in the round, and to a seat alone */
  extended: number;
  readonly given: Record<string, number>;
}
export interface Item {
  readonly id: string;
  readonly seat: string;
  readonly as: string;
  readonly visit: number;
  readonly content: Content;
  readonly about?: string | undefined;
}
export type Ending = "judge" | "agreement" | "rounds" | "annulled";
export interface State {
  readonly open: Open | undefined;
  readonly visits: readonly Visit[];
  readonly sides: Readonly<Record<string, number>>;
  readonly marks: Readonly<Record<string, string>>;
  readonly over: { readonly by: Ending; readonly at: number } | undefined;
}
export interface Draft extends State {
  open: Open | undefined;
  readonly visits: Visit[];
  readonly sides: Record<string, number>;
  readonly marks: Record<string, string>;
  over: State["over"];
  place: number;
  depth: number;
  readonly counts: Record<string, number>;
}

/** The state after these moves; refuses a log whose moves have no turn. */
export function replay(rules: Rules, log: Log): Draft {
  const s: Draft = {
    open: undefined,
    visits: [],
    sides: {},
    marks: {},
    over: undefined,
    place: 0,
    depth: 0,
    counts: {},
  };
  for (const move of log) {
    const why = step(rules, s, move);
    if (why !== undefined)
      throw new TillerError(
        "bad_log",
        `move ${move.id} (${move.act.do} by ${move.seat}) has no turn: ${why}. A log may only hold moves that legal() allowed.`,
      );
  }
  return s;
}

/** Applies a move to a state that nobody else holds, or says why it has no turn. */
export function step(rules: Rules, s: Draft, move: Move): string | undefined {
  const { act, seat, at } = move;
  if (act.do === "open") return openRoom(rules, s, move, act);
  if (!s.open) return "the room is not open";
  if (s.over) return `the room is over (${s.over.by})`;
  const visit = s.visits.at(-1)!;
  if (at < visit.opened) return `the round opened at ${visit.opened}, the move says ${at}`;
  switch (act.do) {
    case "annul":
      if (seat !== "facilitator") return "only a facilitator annuls";
      s.over = { by: "annulled", at };
      return undefined;
    case "extend":
      // the room: whoever sits down in the middle has the round's time
      if (seat !== "facilitator" && seat !== "room") return "only a facilitator corrects a clock";
      return extend(visit, act);
    case "undo":
      return undo(visit, seat, act.of);
    case "lapse":
      return lapse(rules, s, visit, move, act.of);
    default:
      break;
  }
  if (!toMove(visit).some((e) => e.seat === seat)) return `it is not ${seat}'s turn`;
  if (!fits(visit, seat, act)) return `a ${visit.round.do} is due, not a ${act.do}`;
  const deadline = deadlineOf(visit, seat);
  if (deadline !== undefined && at > deadline)
    return `the deadline was ${deadline}, the move says ${at}`;
  visit.played.push({ seat, at, act });
  if (isIn(visit)) close(rules, s, visit);
  return undefined;
}

function openRoom(rules: Rules, s: Draft, move: Move, act: Open): string | undefined {
  if (s.open) return "the room is open already";
  if (move.seat !== "room") return "only the room opens";
  const seats = seatsOf(rules, "debater");
  for (const [seat, side] of Object.entries(act.sides))
    if (!seats.includes(seat) || side >= act.answers.length)
      return `${seat} cannot argue for answer ${side}`;
  const lost = seats.find((x) => own(act.sides, x) === undefined && !picksSide(rules, x));
  if (lost !== undefined) return `${lost} has no side`;
  if (act.truth >= act.answers.length) return `there is no answer ${act.truth}`;
  s.open = act;
  for (const [seat, side] of Object.entries(act.sides)) setOwn(s.sides, seat, side);
  advance(rules, s, move.at);
  return undefined;
}

/** Seats of a role, in the rules' order. */
export const seatsOf = (rules: Rules, role: Seat["role"]): string[] =>
  Object.entries(rules.seats).flatMap(([seat, s]) => (s.role === role ? [seat] : []));
/** Whether a seat takes a side in a round, in place of getting one. */
export const picksSide = (rules: Rules, seat: string): boolean =>
  rules.rounds.some((r) => r.do === "pick" && r.from === "answers" && r.seats.includes(seat));

function undo(visit: Visit, seat: string, of: string): string | undefined {
  if (seat !== of && seat !== "facilitator") return "only one's own move can be taken back";
  const { round, played } = visit;
  const at = played.findIndex((p) => p.seat === of);
  const hidden = round.do !== "examine" && round.together;
  // a facilitator may take back what the next speaker has heard, while it was not answered
  const last = seat === "facilitator" && round.do !== "examine" && played.at(-1)?.seat === of;
  if (at < 0 || !(hidden || last)) return `${of} has no move here that can be taken back`;
  played.splice(at, 1);
  return undefined;
}

function extend(visit: Visit, { of, minutes }: ActOf<"extend">): string | undefined {
  if (of === undefined) {
    visit.extended += minutes * 60_000;
    return undefined;
  }
  if (!toMove(visit).some((e) => e.seat === of)) return `nobody waits for ${of}`;
  setOwn(visit.given, of, (own(visit.given, of) ?? 0) + minutes * 60_000);
  return undefined;
}

function lapse(rules: Rules, s: Draft, visit: Visit, move: Move, of: string): string | undefined {
  const deadline = deadlineOf(visit, of);
  if (move.seat !== "room") return "only the room says that a deadline passed";
  if (!toMove(visit).some((e) => e.seat === of)) return `nobody waits for ${of}`;
  if (deadline === undefined || move.at <= deadline) return `${of} still has time`;
  const absence = own(rules.seats, of)?.absence;
  if (absence === "wait") return `${of} is waited for`;
  if (absence === "annul") s.over = { by: "annulled", at: move.at };
  else {
    visit.played.push({ seat: of, at: move.at, act: move.act });
    if (isIn(visit)) close(rules, s, visit);
  }
  return undefined;
}

/** Who is to move in an open round. */
export function toMove(visit: Visit): readonly Entitled[] {
  if (visit.closed !== undefined) return [];
  const { round, played, entitled } = visit;
  if (round.do === "examine") {
    const asked = played.at(-1)?.act.do === "ask";
    return asked ? [{ seat: round.witness, as: round.witness }] : entitled;
  }
  const due = entitled.filter((e) => !played.some((p) => p.seat === e.seat));
  return round.together ? due : due.slice(0, 1);
}
/** Server time after which a seat's move is too late; undefined: none. Time that one seat was given is no other's. */
export function deadlineOf(visit: Visit, seat: string): number | undefined {
  const { round, played, opened, extended, given } = visit;
  if (round.minutes === undefined) return undefined;
  const together = round.do !== "examine" && round.together;
  const began = together ? opened : (played.at(-1)?.at ?? opened);
  return began + round.minutes * 60_000 + extended + (own(given, seat) ?? 0);
}

function fits(visit: Visit, seat: string, act: Act): boolean {
  const { round } = visit;
  if (round.do !== "examine") return act.do === round.do;
  return seat === round.witness
    ? act.do === "reply"
    : act.do === "show" || (act.do === "ask" && asksOf(visit) < round.most);
}
export const asksOf = (visit: Visit): number =>
  visit.played.filter((p) => p.act.do === "ask").length;

const isIn = ({ round, played, entitled }: Visit): boolean =>
  round.do === "examine"
    ? played.at(-1)?.act.do === "show" || played.at(-1)?.act.do === "lapse"
    : entitled.every((e) => played.some((p) => p.seat === e.seat));

/** Everything said in a round. */
export function itemsOf(visit: Visit): Item[] {
  return visit.entitled.flatMap(({ seat, as }) => {
    const act = visit.played.find((p) => p.seat === seat)?.act;
    if (act?.do !== "speak") return [];
    return act.items.map((item, i) => ({
      id: `${visit.n}.${as}.${i + 1}`,
      seat,
      as,
      visit: visit.n,
      ...item,
    }));
  });
}
/** The last time that a round of this name was played. */
export const lastOf = (s: State, label: string): Visit | undefined =>
  s.visits.findLast((v) => v.round.label === label);

/** Items of a round that are another's, one's own, or anyone's. */
export function targets(
  s: State,
  label: string,
  seat: string,
  whose: "others" | "own" | "all",
): Item[] {
  const visit = lastOf(s, label);
  if (!visit) return [];
  return itemsOf(visit).filter((i) => whose === "all" || (i.seat === seat) === (whose === "own"));
}
/** What a seat has to mark. */
export function toMark(
  s: State,
  round: Extract<PlayedRound, { do: "mark" }>,
  seat: string,
): Item[] {
  const items = targets(s, round.of, seat, round.whose);
  if (!round.picked) return items;
  const acts = s.visits.flatMap((v) => v.played.map((p) => p.act));
  const last = acts.findLast((a) => a.do === "pick");
  const choice = last?.do === "pick" ? last.choice : undefined;
  return items.filter((i) => choice && "item" in choice && choice.item === i.id);
}
/** What a seat may pick from. */
export function choicesOf(s: State, round: Extract<PlayedRound, { do: "pick" }>, seat: string) {
  if (round.from === "answers") return s.open!.answers.map((_, answer): Choice => ({ answer }));
  const { of, whose, marked, meta } = round.from;
  const items = targets(s, of, seat, whose)
    .filter(({ id }) => !marked || marked.includes(own(s.marks, id) ?? ""))
    .map(({ id }): Choice => ({ item: id }));
  return meta === undefined ? items : [...items, { meta }];
}

/** The seats that have something to do in a round; honest and dishonest are whoever argues so. */
function entitledTo(rules: Rules, s: Draft, round: PlayedRound): Entitled[] {
  const named = round.seats.flatMap((as): Entitled[] => {
    if (as !== "honest" && as !== "dishonest") return [{ seat: as, as }];
    return Object.keys(rules.seats)
      .filter((seat) => {
        const side = own(s.sides, seat);
        return side !== undefined && (side === s.open!.truth) === (as === "honest");
      })
      .map((seat) => ({ seat, as }));
  });
  return named.filter(({ seat }) => {
    if (round.do === "mark") return toMark(s, round, seat).length > 0;
    if (round.do === "pick") return choicesOf(s, round, seat).length > 0;
    if (round.do === "speak" && round.about !== undefined)
      return targets(s, round.about, seat, "others").length > 0;
    if (round.do === "examine")
      return targets(s, round.of, own(rules.seats, round.witness)!.partner!, "own").length > 0;
    return true;
  });
}

/** Goes on to the next round that somebody has something to do in, or to the end. */
function advance(rules: Rules, s: Draft, at: number): void {
  const placeOf = (label: string) => rules.rounds.findIndex((r) => r.label === label);
  for (;;) {
    const round = rules.rounds[s.place];
    if (!round) {
      s.over = { by: "rounds", at };
      return;
    }
    if (round.do === "again") {
      const n = own(s.counts, round.label) ?? 0;
      const goesOn = n < round.most;
      setOwn(s.counts, round.label, goesOn ? n + 1 : 0);
      if (goesOn && round.deeper) s.depth++;
      s.place = goesOn ? placeOf(round.to) : s.place + 1;
      continue;
    }
    const entitled = entitledTo(rules, s, round);
    if (entitled.length > 0) {
      const n = s.visits.length;
      s.visits.push({
        n,
        round,
        depth: s.depth,
        opened: at,
        entitled,
        played: [],
        extended: 0,
        given: {},
      });
      return;
    }
    s.place = round.do === "pick" && round.none !== undefined ? placeOf(round.none) : s.place + 1;
  }
}

/** All are in: the round's moves take effect and are revealed, with one time. */
function close(rules: Rules, s: Draft, visit: Visit): void {
  const at = visit.played.reduce((latest, p) => Math.max(latest, p.at), visit.opened);
  visit.closed = at;
  const acts = <D extends Act["do"]>(kind: D) =>
    visit.played.flatMap(({ seat, act }) =>
      act.do === kind ? [{ seat, act: act as ActOf<D> }] : [],
    );
  const { round } = visit;
  switch (round.do) {
    case "mark":
      for (const { act } of acts("mark"))
        for (const [item, mark] of Object.entries(act.marks)) setOwn(s.marks, item, mark);
      break;
    case "pick":
      for (const { seat, act } of acts("pick"))
        if ("answer" in act.choice) setOwn(s.sides, seat, act.choice.answer);
      break;
    case "credence":
      if (round.may !== "go on" && acts("credence").length > 0)
        if (round.may === "end" || acts("credence").every((c) => c.act.end))
          s.over = { by: "judge", at };
      break;
    case "vote":
      if (visit.entitled.every((e) => acts("vote").some((v) => v.seat === e.seat && v.act.end)))
        s.over = { by: "agreement", at };
      break;
    case "speak":
    case "examine":
      break;
    default: {
      const never: never = round;
      throw new Bug(`unknown round ${JSON.stringify(never)}`);
    }
  }
  if (s.over) return;
  s.place++;
  advance(rules, s, at);
}
