/** What judges said of a room at last: those who sat in it, and those who judged it again. Rows for statistics of judging. */
import { own } from "@tiller/schema";
import type { Judgment } from "./judgments.ts";
import type { Log } from "./moves.ts";
import type { Rules } from "./rules.ts";
import { score } from "./score.ts";
import { replay, seatsOf } from "./state.ts";
import { lastCredence } from "./legal.ts";

interface RoomVerdict {
  readonly question: string;
  readonly transcript: string;
  readonly judge: string;
  /** who judged the room while it was played */
  readonly live: boolean;
  readonly credence: readonly number[];
  readonly truth: number;
}
/** None of a room that goes on, that was annulled, or that ended without a judge. */
export function verdictsOf(room: {
  readonly name: string;
  readonly rules: Rules;
  readonly log: Log;
  readonly occupants?: Readonly<Record<string, string>>;
  readonly judgments?: readonly Judgment[];
}): RoomVerdict[] {
  const { name, rules, log, occupants = {}, judgments = [] } = room;
  const s = replay(rules, log);
  if (!s.open || !s.over || s.over.by === "annulled") return [];
  const { question, texts, truth } = s.open;
  // the same words may be asked of another text
  const row = {
    question: [...texts.map((t) => t.title), question].join(": "),
    transcript: name,
    truth,
  };
  const live = score(rules, log)
    ? seatsOf(rules, "judge").flatMap((seat) => {
        const credence = lastCredence(s, seat);
        return credence
          ? [{ ...row, judge: own(occupants, seat) ?? seat, live: true, credence }]
          : [];
      })
    : [];
  const later = judgments.map((j) => ({
    ...row,
    judge: j.judge,
    live: false,
    credence: j.credences.at(-1)!,
  }));
  return [...live, ...later];
}
