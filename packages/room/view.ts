/**
 * `view(rules, log, seat)`: what a seat may see, as data. Pages, prompts, tasks, streams, exports and training rows are made from
 * it and never from the log. Two rooms that differ only in what a seat may not see give it the same bytes: no time but that of
 * a round, no id but that of a place, no count of who is in (view.test.ts runs every protocol twice).
 */
import { own, TillerError } from "@tiller/schema";
import { turnsOf, type Turn, textOf } from "./legal.ts";
import type { Act, Choice, Content, Log } from "./moves.ts";
import { type Spanned, union } from "./quotes.ts";
import { callOf, revealedQuotes, seenIn } from "./revealed.ts";
import type { PlayedRound, Rules, Seat } from "./rules.ts";
import { type Ending, replay, type State, toMove, type Visit } from "./state.ts";

/** A part as it is read: quotes carry their characters, whoever wrote them. */
export type SeenPart =
  | { readonly text: string }
  | { readonly quote: Spanned; readonly characters: string }
  | { readonly unverified: string };
export interface SeenMove {
  /** a seat, or honest or dishonest where the rules say no more */
  readonly by: string;
  readonly do: Act["do"];
  readonly items?: readonly {
    readonly id: string;
    readonly parts: readonly SeenPart[];
    readonly about?: string;
  }[];
  readonly parts?: readonly SeenPart[];
  readonly marks?: Readonly<Record<string, string>>;
  readonly choice?: Choice;
  readonly credence?: readonly number[];
  readonly end?: boolean;
}
export interface SeenRound {
  readonly n: number;
  readonly label: string;
  readonly do: PlayedRound["do"];
  /** how deep the recursion is */
  readonly depth: number;
  readonly opened: number;
  readonly closed?: number;
  readonly moves: readonly SeenMove[];
}
export interface SeenText {
  readonly id: string;
  readonly title: string;
  /** all of it, or only what was quoted */
  readonly body?: string;
  readonly passages: readonly {
    readonly from: number;
    readonly to: number;
    readonly characters: string;
  }[];
}
export interface View {
  readonly rules: string;
  readonly seat: string;
  readonly role: Seat["role"];
  readonly question: string;
  readonly answers: readonly string[];
  /** which answer each seat argues for, in the order in which they are shown */
  readonly sides: readonly { readonly seat: string; readonly answer: number }[];
  readonly texts: readonly SeenText[];
  readonly rounds: readonly SeenRound[];
  /** what this seat may do now */
  readonly turns: readonly Turn[];
  /** whose round it is, in or not; to those who speak one after the other, whose turn */
  readonly waitsFor: readonly string[];
  readonly truth?: number;
  readonly over?: { readonly by: Ending; readonly at: number };
}

export function view(rules: Rules, log: Log, seat: string): View {
  const s = replay(rules, log);
  const me = own(rules.seats, seat);
  if (!me || !s.open)
    throw new TillerError(
      "no_seat",
      me
        ? "the room is not open yet."
        : `there is no seat ${seat}; the seats are ${Object.keys(rules.seats).join(", ")}.`,
    );
  const { question, answers, truth, texts } = s.open;
  const past = horizon(rules, s, seat, me);
  const call = me.partner === undefined ? undefined : callOf(s, seat);
  const visits = s.visits.filter((v) => v.n < past || v === call);
  const order = orderFor(s, me);
  const quotes = union(me.partner && !s.over ? [] : revealedQuotes(s));
  const current = visits.at(-1) === s.visits.at(-1) ? s.visits.at(-1) : undefined;
  const knowing = me.knows.includes("truth") || s.over !== undefined;
  return {
    rules: rules.name,
    seat,
    role: me.role,
    question,
    answers,
    sides: order.flatMap((name) => {
      const answer = own(s.sides, name);
      return answer === undefined ? [] : [{ seat: name, answer }];
    }),
    texts: texts.map((t) => ({
      id: t.id,
      title: t.title,
      ...(me.knows.includes("text") ? { body: t.body } : {}),
      passages: quotes
        .filter((q) => q.text === t.id)
        .map((q) => ({ from: q.from, to: q.to, characters: textOf(s, q) })),
    })),
    rounds: visits.map((v) => seenRound(rules, s, v, seat, order)),
    turns: turnsOf(rules, s).filter((t) => t.seat === seat),
    waitsFor: s.over || !current ? [] : waitsFor(current, seat),
    ...(knowing ? { truth } : {}),
    ...(s.over ? { over: s.over } : {}),
  };
}

/** What a seat would see once a move of this round were revealed; nobody is shown it: it is how a speech is chosen before it is made. */
export function viewAfter(
  rules: Rules,
  log: Log,
  move: { readonly seat: string; readonly act: Act },
  seat: string,
): View {
  const seen = view(rules, log, seat);
  const s = replay(rules, log);
  const visit = s.visits.at(-1)!;
  const { n, round, depth, opened, entitled } = visit;
  const as = entitled.find((e) => e.seat === move.seat)?.as ?? move.seat;
  const shown = seenMove(s, move.act, as, n);
  const last = seen.rounds.at(-1);
  const rounds =
    last?.n === n
      ? [...seen.rounds.slice(0, -1), { ...last, moves: [...last.moves, shown] }]
      : [...seen.rounds, { n, label: round.label, do: round.do, depth, opened, moves: [shown] }];
  return { ...seen, rounds };
}

/** The round up to which a seat sees: a witness stands at its snapshot, everyone else at the present. */
function horizon(rules: Rules, s: State, seat: string, me: Seat): number {
  if (me.partner === undefined || s.over) return Infinity;
  const seen = s.visits.filter(
    (v) => seenIn(rules, s, v, seat).length > 0 && v.round.do !== "examine",
  );
  return (seen.at(-1)?.n ?? -1) + 1;
}

/** Debaters as the room's lot has it for those who judge; the other way round for a seat that is swapped. */
function orderFor(s: State, me: Seat): string[] {
  const named = [...new Set([...s.open!.first, ...Object.keys(s.sides)])];
  return me.swapped ? named.toReversed() : named;
}

/** Who of the others is in, nobody learns: only speakers of a sequential round see whose turn it is. */
function waitsFor(visit: Visit, seat: string): string[] {
  const { round, entitled } = visit;
  if (round.do === "examine") return [entitled[0]!.as, round.witness];
  const within = !round.together && entitled.some((e) => e.seat === seat);
  return (within ? toMove(visit) : entitled).map((e) => e.as);
}

function seenRound(
  rules: Rules,
  s: State,
  visit: Visit,
  seat: string,
  order: readonly string[],
): SeenRound {
  const { n, round, depth, opened, closed, entitled } = visit;
  const seen = seenIn(rules, s, visit, seat);
  const rank = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length);
  const ranked = entitled
    .map((e, i) => ({ ...e, i }))
    .toSorted((a, b) => rank(a.seat) - rank(b.seat) || a.i - b.i);
  const moves =
    round.do === "examine" || !round.together
      ? seen
      : ranked.flatMap((e) => seen.filter((p) => p.seat === e.seat));
  const as = (name: string) => entitled.find((e) => e.seat === name)?.as ?? name;
  return {
    n,
    label: round.label,
    do: round.do,
    depth,
    opened,
    ...(closed === undefined || isWitnessNow(rules, s, seat) ? {} : { closed }),
    moves: moves.map((p) => seenMove(s, p.act, as(p.seat), n)),
  };
}
/** A witness does not learn when the rounds since its snapshot ended. */
const isWitnessNow = (rules: Rules, s: State, seat: string) =>
  own(rules.seats, seat)?.partner !== undefined && !s.over;

function seenMove(s: State, act: Act, by: string, visit: number): SeenMove {
  const parts = (content: Content): SeenPart[] =>
    content.map((part) =>
      "quote" in part ? { quote: part.quote, characters: textOf(s, part.quote) } : part,
    );
  switch (act.do) {
    case "speak":
      return {
        by,
        do: act.do,
        items: act.items.map(({ content, about }, i) => ({
          id: `${visit}.${by}.${i + 1}`,
          parts: parts(content),
          ...(about === undefined ? {} : { about }),
        })),
      };
    case "ask":
    case "reply":
      return { by, do: act.do, parts: parts(act.content) };
    case "credence":
      return {
        by,
        do: act.do,
        credence: act.credence,
        end: act.end,
        parts: parts(act.content),
      };
    case "mark":
      return { by, do: act.do, marks: act.marks };
    case "pick":
      return { by, do: act.do, choice: act.choice };
    case "vote":
      return { by, do: act.do, end: act.end };
    default:
      return { by, do: act.do };
  }
}
