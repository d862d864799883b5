/** What a room asked of its judge, and what the judge did with it. */
import { type Log, type Rules, view } from "@tiller/room";
import { own } from "@tiller/schema";

/** Brysbaert 2019: 238 English words a minute, silently, of prose. */
const WORDS_A_MINUTE = 238;
export const minutesToRead = (text: string): number =>
  text.split(/\s+/).filter(Boolean).length / WORDS_A_MINUTE;

/** Everything that a seat had before it: question, answers, text or passages, words of others. */
export function shownTo(rules: Rules, log: Log, seat: string): string {
  const v = view(rules, log, seat);
  const said = v.rounds.flatMap((r) =>
    r.moves.flatMap((m) =>
      m.by === seat
        ? []
        : (m.items ?? []).flatMap((i) => i.parts.flatMap((p) => ("text" in p ? [p.text] : []))),
    ),
  );
  const texts = v.texts.flatMap((t) =>
    t.body === undefined ? t.passages.map((p) => p.characters) : [t.body],
  );
  return [v.question, ...v.answers, ...texts, ...said].join("\n");
}

/** Whether the judge quoted what it was told, which is checking it; and of a single debater, whether it was for the truth. */
export function tookPart(rules: Rules, log: Log): { checked: boolean; honest: boolean | null } {
  const open = log[0]!.act;
  const debaters = Object.entries(rules.seats).filter(([, s]) => s.role === "debater");
  const pick = log.find((m) => m.act.do === "pick")?.act;
  const side =
    debaters.length !== 1 || open.do !== "open"
      ? undefined
      : pick?.do === "pick" && "answer" in pick.choice
        ? pick.choice.answer
        : own(open.sides, debaters[0]![0]);
  return {
    checked: log.some(
      (m) => m.act.do === "credence" && m.act.content.some((part) => "quote" in part),
    ),
    honest: side === undefined || open.do !== "open" ? null : side === open.truth,
  };
}
