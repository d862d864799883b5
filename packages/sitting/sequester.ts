/**
 * A partner who is kept apart answers for an author as of one text (Barnes and Christiano 2020). Whoever was questioned about an earlier one heard
 * questions that the author never saw, and is no fork of it any more: somebody else answers about the next.
 */
import { replay } from "@tiller/room/state.ts";
import type { Room, Sitting } from "./rows.ts";

/** Whether this person answered in an earlier examination some questions that were not shown to everybody. */
export function heardMore({ rules, log }: Room, { seat, n }: Sitting): boolean {
  const { visits } = replay(rules, log);
  return visits.slice(0, -1).some(({ round, played, opened, closed = Infinity }) => {
    if (round.do !== "examine" || round.witness !== seat) return false;
    const asked = played.filter((p) => p.act.do === "ask").length;
    const last = played.at(-1)?.act;
    if (last?.do === "show" && last.questions.length === asked) return false;
    return log.some(
      (m) =>
        m.act.do === "reply" &&
        m.id.startsWith(`${seat}/${n}/`) &&
        m.at >= opened &&
        m.at <= closed,
    );
  });
}
