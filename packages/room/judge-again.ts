/**
 * A room that is over, judged again and blind: what its judge had before it, without any credence and without the truth. Stepped: at
 * each place where the judge was asked; whole: once, at the end.
 */
import { TillerError } from "@tiller/schema";
import type { Judgment } from "./judgments.ts";
import { legal, type Turn } from "./legal.ts";
import type { Log } from "./moves.ts";
import type { Rules } from "./rules.ts";
import { replay, seatsOf } from "./state.ts";
import { view, type View } from "./view.ts";

type CredenceTurn = Extract<Turn, { do: "credence" }>;
export interface ToJudge {
  readonly seen: View;
  readonly turn: CredenceTurn;
}
/** Without what other judges said, whoever else judged, and what is told after the end. */
function blind(v: View): View {
  const { truth: _, over: __, ...rest } = v;
  return {
    ...rest,
    rounds: v.rounds.filter((r) => r.do !== "credence"),
    turns: [],
    waitsFor: [],
  };
}

export function toJudge(rules: Rules, log: Log, mode: Judgment["mode"]): ToJudge[] {
  const [seat] = seatsOf(rules, "judge");
  if (seat === undefined || !replay(rules, log).over)
    throw new TillerError(
      "not_over",
      seat === undefined
        ? "the room has no judge's seat, so it is not known what a judge sees."
        : "the room is not over. Rooms are judged again once they are.",
    );
  const turn = (end: CredenceTurn["end"], answers: number): CredenceTurn => {
    const common = { seat, label: "again", until: undefined, before: undefined, swing: 1 };
    return { ...common, do: "credence", answers, characters: 1000, end };
  };
  const whole = blind(view(rules, log, seat));
  const last = { seen: whole, turn: turn("must", whole.answers.length) };
  if (mode === "whole") return [last];
  const steps = log.flatMap((move, i): ToJudge[] => {
    if (move.seat !== seat || move.act.do !== "credence") return [];
    const before = log.slice(0, i);
    if (!legal(rules, before).some((t) => t.seat === seat)) return [];
    const seen = blind(view(rules, before, seat));
    return [{ seen, turn: turn("not yet", seen.answers.length) }];
  });
  // the last place where the judge was asked is the end
  return [...steps.slice(0, -1), last];
}
