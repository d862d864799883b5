/**
 * `legal(rules, log)`: which seat may do what until when. `refusal` says why a move may not be written, `play` writes it. People,
 * models, replays and searches obey the same turns.
 */
import { own, TillerError } from "@tiller/schema";
import {
  type Act,
  charactersOf,
  type Choice,
  type Content,
  type Log,
  type Move,
  quotesOf,
} from "./moves.ts";
import { newIn, type Spanned, within } from "./quotes.ts";
import type { PlayedRound, Rules } from "./rules.ts";
import {
  asksOf,
  choicesOf,
  deadlineOf,
  replay,
  type State,
  step,
  targets,
  toMark,
  toMove,
  type Visit,
} from "./state.ts";
import { revealedQuotes } from "./revealed.ts";

type RoundOf<D extends PlayedRound["do"]> = Extract<PlayedRound, { do: D }>;
interface Whose {
  readonly seat: string;
  readonly label: string;
  /** server time of the last moment; undefined: no hurry */
  readonly until: number | undefined;
}
/** What a seat may do now, as data: a page, a prompt or a task is made from it. */
export type Turn = Whose &
  (
    | (Pick<RoundOf<"speak">, "do" | "items" | "characters" | "each" | "words" | "quoted"> & {
        /** ids of the items that each item is about; undefined: about none */
        readonly about: readonly string[] | undefined;
      })
    | { readonly do: "mark"; readonly items: readonly string[]; readonly labels: readonly string[] }
    | { readonly do: "pick"; readonly choices: readonly Choice[] }
    | {
        readonly do: "credence";
        readonly answers: number;
        readonly characters: number;
        /** must: this credence ends the room */
        readonly end: "may" | "must" | "not yet";
        /** no ending if an entry moves further than `swing` from here */
        readonly before: readonly number[] | undefined;
        readonly swing: number;
      }
    | { readonly do: "vote" }
    | {
        readonly do: "examine";
        readonly left: number;
        readonly asked: number;
        readonly characters: number;
      }
    | { readonly do: "reply"; readonly characters: number }
    | { readonly do: "lapse"; readonly of: string; readonly after: number }
  );

export function legal(rules: Rules, log: Log): Turn[] {
  return turnsOf(rules, replay(rules, log));
}

export function turnsOf(rules: Rules, s: State): Turn[] {
  const visit = s.visits.at(-1);
  if (!visit || s.over) return [];
  return toMove(visit).flatMap(({ seat }): Turn[] => {
    const until = deadlineOf(visit, seat);
    const turn = { seat, label: visit.round.label, until, ...whatToDo(s, visit, seat) };
    const waits = until === undefined || own(rules.seats, seat)?.absence === "wait";
    return waits
      ? [turn]
      : [
          turn,
          {
            seat: "room",
            label: turn.label,
            until: undefined,
            do: "lapse",
            of: seat,
            after: until,
          },
        ];
  });
}

/** Without the seat, the label and the deadline. */
type Due = Turn extends infer T ? (T extends Turn ? Omit<T, keyof Whose> : never) : never;
function whatToDo(s: State, visit: Visit, seat: string): Due {
  const { round } = visit;
  switch (round.do) {
    case "speak": {
      const { items, characters, each, words, quoted } = round;
      const about =
        round.about === undefined
          ? undefined
          : targets(s, round.about, seat, "others").map((i) => i.id);
      return { do: "speak", items, characters, each, words, quoted, about };
    }
    case "mark":
      return {
        do: "mark",
        items: toMark(s, round, seat).map((i) => i.id),
        labels: round.labels,
      };
    case "pick":
      return { do: "pick", choices: choicesOf(s, round, seat) };
    case "credence": {
      const speeches = s.visits.filter(
        (v) => v.round.do === "speak" && v.closed !== undefined,
      ).length;
      const early = round.may === "go on" || speeches < round.least;
      return {
        do: "credence",
        answers: s.open!.answers.length,
        characters: round.characters,
        end: round.may === "end" ? "must" : early ? "not yet" : "may",
        before: lastCredence(s, seat),
        swing: round.swing,
      };
    }
    case "vote":
      return { do: "vote" };
    case "examine":
      return seat === round.witness
        ? { do: "reply", characters: round.characters }
        : {
            do: "examine",
            asked: asksOf(visit),
            left: round.most - asksOf(visit),
            characters: round.characters,
          };
  }
}
/** A judge's last word. */
export function lastCredence(s: State, seat: string): readonly number[] | undefined {
  for (const visit of s.visits.toReversed())
    for (const p of visit.played)
      if (p.seat === seat && p.act.do === "credence") return p.act.credence;
  return undefined;
}

/** Why a move may not be written; undefined: it may. One line that says what to change. */
export function refusal(rules: Rules, log: Log, move: Move): string | undefined {
  const before = replay(rules, log);
  const turn = turnsOf(rules, before).find((t) => t.seat === move.seat && t.do !== "lapse");
  const tooMuch = turn && overLimit(rules, before, turn, move.act);
  return tooMuch ?? step(rules, before, move);
}
/** The log with this move; one that is in it already changes nothing, one that is refused throws. */
export function play(rules: Rules, log: Log, move: Move): Log {
  if (log.some((m) => m.id === move.id)) return log;
  const why = refusal(rules, log, move);
  if (why !== undefined) throw new TillerError("refused_move", why);
  return [...log, move];
}

const sameChoice = (a: Choice, b: Choice) => JSON.stringify(a) === JSON.stringify(b);

/** What in a move breaks the limits of its turn. */
export function overLimit(rules: Rules, s: State, turn: Turn, act: Act): string | undefined {
  const long = (content: Content, most: number, what: string) => {
    const n = charactersOf(content);
    return n > most
      ? `${what} has ${n} characters, ${most} are allowed. Cut ${n - most}.`
      : undefined;
  };
  switch (act.do) {
    case "speak": {
      if (turn.do !== "speak") return undefined; // the fold says whose turn it is
      const { items, about } = turn;
      const n = act.items.length;
      if (n < items.least || n > items.most)
        return `${n} items, ${items.least} to ${items.most} are due.`;
      for (const item of act.items) {
        if (charactersOf(item.content) === 0) return "an item is empty. Leave it out.";
        if (about ? !about.includes(item.about ?? "") : item.about !== undefined)
          return about
            ? `each item is about one of ${about.join(", ")}, not ${item.about ?? "nothing"}.`
            : "these items are about no other item.";
        const one = turn.each && long(item.content, turn.each, "an item");
        if (one) return one;
      }
      const all = act.items.flatMap((i) => i.content);
      return (
        long(all, turn.characters, "this") ??
        wordy(s, all, turn.words) ??
        misquoted(rules, s, turn.seat, all, turn.quoted)
      );
    }
    case "mark": {
      if (turn.do !== "mark") return undefined;
      const given = Object.keys(act.marks);
      const missing = turn.items.find((i) => !given.includes(i));
      const extra = given.find((i) => !turn.items.includes(i));
      const strange = Object.values(act.marks).find((m) => !turn.labels.includes(m));
      if (missing !== undefined) return `${missing} has no mark. Every item has one.`;
      if (extra !== undefined) return `${extra} is not to be marked here.`;
      return strange === undefined
        ? undefined
        : `${strange} is no mark; it is one of ${turn.labels.join(", ")}.`;
    }
    case "pick":
      return turn.do !== "pick" || turn.choices.some((c) => sameChoice(c, act.choice))
        ? undefined
        : `${JSON.stringify(act.choice)} cannot be picked; it is one of ${JSON.stringify(turn.choices)}.`;
    case "credence": {
      if (turn.do !== "credence") return undefined;
      const { answers, end, before, swing } = turn;
      if (act.credence.length !== answers)
        return `${act.credence.length} credences for ${answers} answers.`;
      if (act.end && end === "not yet") return "the room cannot end here. Go on.";
      if (!act.end && end === "must") return "this is the last word. End the room.";
      if (
        act.end &&
        end === "may" &&
        before?.some((p, i) => Math.abs(p - act.credence[i]!) > swing)
      )
        return `the credence moved by more than ${swing}: hear one more round before ending.`;
      return (
        long(act.content, turn.characters, "this") ??
        misquoted(rules, s, turn.seat, act.content, undefined)
      );
    }
    case "ask":
    case "reply":
      return turn.do === "examine" || turn.do === "reply"
        ? (long(act.content, turn.characters, "this") ??
            misquoted(rules, s, turn.seat, act.content, undefined))
        : undefined;
    case "show": {
      const strange = turn.do === "examine" && act.questions.find((q) => q >= turn.asked);
      return typeof strange === "number" ? `there is no question ${strange}.` : undefined;
    }
    default:
      return undefined;
  }
}

function wordy(s: State, content: Content, words: RoundOf<"speak">["words"]): string | undefined {
  if (!words) return undefined;
  const written = content
    .map((p) => ("text" in p ? p.text : "quote" in p ? textOf(s, p.quote) : p.unverified))
    .join(" ");
  const n = written.split(/\s+/).filter(Boolean).length;
  return n < words.least || n > words.most
    ? `this has ${n} words, ${words.least} to ${words.most} are asked for.`
    : undefined;
}
/** The characters of a span; empty where the text has none. */
export const textOf = (s: State, span: Spanned): string =>
  s.open?.texts.find((t) => t.id === span.text)?.body.slice(span.from, span.to) ?? "";

/** Quotes beyond the budget, out of bounds, or of what the seat may not see. */
function misquoted(
  rules: Rules,
  s: State,
  seat: string,
  content: Content,
  budget: number | undefined,
): string | undefined {
  const quotes = quotesOf(content);
  const revealed = revealedQuotes(s);
  const { knows = [], partner } = own(rules.seats, seat) ?? {};
  const whole = knows.includes("text");
  for (const q of quotes) {
    const readable = whole
      ? q.from < q.to && textOf(s, q).length === q.to - q.from
      : q.from < q.to && partner === undefined && within(q, revealed);
    // one answer for what is hidden and for what does not exist
    if (!readable) return `${q.text} ${q.from}-${q.to} is nothing that ${seat} may quote.`;
  }
  const fresh = newIn(quotes, revealed);
  return budget !== undefined && fresh > budget
    ? `this quotes ${fresh} new characters, ${budget} are allowed. Cut ${fresh - budget}.`
    : undefined;
}
