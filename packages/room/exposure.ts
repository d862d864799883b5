/**
 * Who saw what: a ledger folded from rooms, and who may therefore sit in another one. Michael et al. 2023 let nobody judge a story that
 * they had read, and nobody judge more than two questions of one.
 */
import { own } from "@tiller/schema";
import type { Judgment } from "./judgments.ts";
import type { Log } from "./moves.ts";
import type { Rules } from "./rules.ts";
import { replay } from "./state.ts";

export interface Exposure {
  readonly who: string;
  readonly room: string;
  /** its characters: the same text has one key, whatever it is called */
  readonly text: string;
  readonly question: string;
  readonly as: "debater" | "judge" | "other";
  /** all of the text, or what was quoted of it */
  readonly saw: "text" | "quotes";
  /** which answer, in words, a debater argued for */
  readonly side?: string;
}
interface Room {
  readonly name: string;
  readonly rules: Rules;
  readonly log: Log;
  readonly occupants: Readonly<Record<string, string>>;
  readonly judgments?: readonly Judgment[];
}

/** One row a person, room and text; whoever judged a room again saw what its judge sees. */
export function exposures(rooms: readonly Room[]): Exposure[] {
  return rooms.flatMap(({ name, rules, log, occupants, judgments = [] }) => {
    const { open, sides } = replay(rules, log);
    if (!open) return [];
    const { question, answers, texts } = open;
    const rows = (who: string, rest: Pick<Exposure, "as" | "saw" | "side">): Exposure[] =>
      texts.map((t) => ({ who, room: name, text: t.body, question, ...rest }));
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
    return [...seated, ...judgments.flatMap((j) => rows(j.judge, { as: "judge", saw: "quotes" }))];
  });
}

interface Wanted {
  readonly text: string;
  readonly question: string;
  readonly as: "debater" | "judge";
}
/** Why somebody may not sit there; undefined: they may. `judgments`: most of one text. */
export function ineligible(
  ledger: readonly Exposure[],
  who: string,
  wanted: Wanted,
  o: { readonly judgments?: number } = {},
): string | undefined {
  const most = o.judgments ?? 2;
  const own_ = ledger.filter((e) => e.who === who && e.text === wanted.text);
  const whole = own_.find((e) => e.saw === "text");
  const same = own_.find((e) => e.question === wanted.question);
  if (wanted.as === "judge") {
    if (whole) return `${who} read the text in ${whole.room}, and a judge must not have.`;
    if (same) return `${who} sat in ${same.room}, about the same question.`;
    const judged = new Set(own_.filter((e) => e.as === "judge").map((e) => e.question)).size;
    return judged >= most
      ? `${who} judged ${judged} questions about this text, ${most} are allowed.`
      : undefined;
  }
  return same?.as === "judge" ? `${who} judged the same question in ${same.room}.` : undefined;
}
