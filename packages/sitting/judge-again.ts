/** A room that is over as people judge it again on the desk: what its judge saw, as text, and who may not, since they know more. */
import { toJudge, type View } from "@tiller/room";
import { replay } from "@tiller/room/state.ts";
import { saidText } from "@tiller/room/words.ts";
import { type PersonId, TillerError } from "@tiller/schema";
import type { Db } from "@tiller/store";
import { whoSaw } from "./eligible.ts";
import { readRoom } from "./rows.ts";

/** What one is shown at one place of a room. */
export interface ShownAgain {
  readonly question: string;
  readonly answers: readonly string[];
  readonly said: string;
}
export interface RoomToJudge {
  readonly room: string;
  /** as rows of verdicts name it: the texts' titles and the question */
  readonly about: string;
  readonly truth: number;
  /** whole: one; stepped: one for each time its judge was asked */
  readonly places: readonly ShownAgain[];
  /** sat in a room about the same text, or read one */
  readonly saw: readonly PersonId[];
}

export async function roomToJudge(
  db: Db,
  id: string,
  mode: "whole" | "stepped",
): Promise<RoomToJudge> {
  const { rules, log, practice } = await readRoom(db, id);
  const { open, over } = replay(rules, log);
  if (!open || !over || over.by === "annulled")
    throw new TillerError(
      "not_over",
      `room ${id} ${over ? "was annulled" : "is not over"}. Give rooms that ended.`,
    );
  if (practice)
    throw new TillerError(
      "practice",
      `room ${id} is a practice room: what comes of it is no result. Give the room that it repeats.`,
    );
  return {
    room: id,
    about: [...open.texts.map((t) => t.title), open.question].join(": "),
    truth: open.truth,
    places: toJudge(rules, log, mode).map(({ seen }) => shown(seen)),
    saw: await whoSaw(db, id),
  };
}
const shown = (v: View): ShownAgain => ({
  question: v.question,
  answers: v.answers,
  said: forPeople(saidText(v)),
});
/** Quotes were checked, and are marked as nobody's own words can be: tags of this form are ours alone (words.ts), the mark is taken out of all else. */
const forPeople = (said: string): string =>
  said
    .replaceAll("\u2713", "")
    .replaceAll("<quote>", "\u201c")
    .replaceAll("</quote>", "\u201d \u2713")
    .replaceAll(/^## (.*)/gm, (_, label: string) => `${label.toUpperCase()}\n`);
