/**
 * Who saw what: a ledger folded from rooms, and who may therefore sit in another one. Michael et al. 2023 let nobody judge a story that
 * they had read, and nobody judge more than two questions of one.
 */
import { own } from "@tiller/schema";
import type { Judgment } from "./judgments.ts";
import type { Log, Open } from "./moves.ts";
import type { Rules } from "./rules.ts";
import { replay } from "./state.ts";

export interface Exposure {
  readonly who: string;
  readonly room: string;
  /** its characters: the same text has one key, whatever it is called; empty where the room has none */
  readonly text: string;
  readonly question: string;
  readonly as: "debater" | "judge" | "other";
  /** all of the text, or what was quoted of it */
  readonly saw: "text" | "quotes";
  /** which answer, in words, a debater argued for */
  readonly side?: string;
  /** the room goes on */
  readonly open: boolean;
}
interface Room {
  readonly name: string;
  readonly rules: Rules;
  readonly log: Log;
  readonly occupants: Readonly<Record<string, string>>;
  readonly judgments?: readonly Judgment[];
  /** who read it once it was over, and sat nowhere in it */
  readonly readers?: readonly string[];
}

/** The texts of a room as the ledger has them: a question without a text is told by its words alone. */
export const exposing = (texts: Open["texts"]): readonly string[] =>
  texts.length > 0 ? texts.map((t) => t.body) : [""];

/** One row a person, room and text; whoever judged a room again saw what its judge sees. */
export function exposures(rooms: readonly Room[]): Exposure[] {
  return rooms.flatMap(({ name, rules, log, occupants, judgments = [], readers = [] }) => {
    const { open, sides, over } = replay(rules, log);
    if (!open) return [];
    const { question, answers, texts } = open;
    const rows = (who: string, rest: Pick<Exposure, "as" | "saw" | "side">): Exposure[] =>
      exposing(texts).map((text) => ({
        who,
        room: name,
        text,
        question,
        open: over === undefined,
        ...rest,
      }));
    const seated = Object.entries(occupants).flatMap(([seat, who]) => {
      const is = own(rules.seats, seat);
      if (!is) return [];
      const side = own(sides, seat);
      return rows(who, {
        as: is.role === "debater" || is.role === "judge" ? is.role : "other",
        saw: is.knows.includes("text") ? "text" : "quotes",
        ...(side === undefined ? {} : { side: answers[side]! }),
      });
    });
    return [
      ...seated,
      ...judgments.flatMap((j) => rows(j.judge, { as: "judge", saw: "quotes" })),
      ...readers.flatMap((who) => rows(who, { as: "other", saw: "text" })),
    ];
  });
}

interface Wanted {
  readonly text: string;
  readonly question: string;
  readonly as: Exposure["as"];
  /** whether the seat reads the whole text; default: all but a judge do */
  readonly reads?: boolean;
  /** which answer, in words, it is to argue for, where that is known */
  readonly side?: string | undefined;
}
/** Questions about one text that somebody judges, as in Michael et al. 2023. */
export const MOST_JUDGMENTS = 2;

/** Why somebody may not sit there; undefined: they may. `judgments`: most of one text. */
export function ineligible(
  ledger: readonly Exposure[],
  who: string,
  wanted: Wanted,
  o: { readonly judgments?: number } = {},
): string | undefined {
  const most = o.judgments ?? MOST_JUDGMENTS;
  const { text, question, as, side, reads = as !== "judge" } = wanted;
  const before = ledger.filter((e) => e.who === who && e.text === text);
  const same = before.filter((e) => e.question === question);
  const about = text === "" ? same : before; // without a text, another question tells nothing
  const judged = about.filter((e) => e.as === "judge");
  if (as === "judge") {
    const whole = reads ? undefined : about.find((e) => e.saw === "text");
    if (whole) return `${who} read the text in ${whole.room}, and a judge must not have.`;
    if (same[0]) return `${who} sat in ${same[0].room}, about the same question.`;
    const questions = new Set(judged.map((e) => e.question)).size;
    return questions >= most
      ? `${who} judged ${questions} questions about this text, ${most} are allowed.`
      : undefined;
  }
  const verdict = same.find((e) => e.as === "judge");
  if (verdict) return `${who} judged the same question in ${verdict.room}.`;
  const judging = reads ? judged.find((e) => e.open && e.saw === "quotes") : undefined;
  if (judging)
    return `${who} judges in ${judging.room}, which goes on, and must not read the text.`;
  const other = same.find(
    (e) => side !== undefined && e.side !== undefined && e.side !== side && as === "debater",
  );
  return other ? `${who} argued for the other side of this question in ${other.room}.` : undefined;
}
