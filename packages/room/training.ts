/**
 * Rows to learn from, out of rooms that are over: each move that stands as a reply to the very prompt that a model in the seat is
 * given (prompt.ts; messages with an empty line between them, as a completions endpoint gets them), with what it earned.
 * A judge's reward is its proper score of the truth, a debater's the judges' credence in its answer (Michael et al. 2023). Pairs set the
 * better against the worse of several moves that stand after the same view: best-of-n where one is drawn several times, self-play
 * where one question was debated several times.
 */
import { messageText, own } from "@tiller/schema";
import { textOf } from "./legal.ts";
import type { Log } from "./moves.ts";
import { promptFor } from "./prompt.ts";
import { replyFor } from "./reply.ts";
import type { Rules } from "./rules.ts";
import { score } from "./score.ts";
import { replay } from "./state.ts";
import { view } from "./view.ts";

export interface TrainingRow {
  readonly prompt: string;
  readonly completion: string;
  readonly reward: number;
  readonly seat: string;
  readonly role: "debater" | "judge";
  readonly honest?: boolean;
  readonly room: string;
  readonly topic: string;
}
export interface TrainingPair {
  readonly prompt: string;
  readonly chosen: string;
  readonly rejected: string;
  /** chosen's reward less rejected's */
  readonly strength: number;
  readonly source: "model";
  readonly topic: string;
}
interface Room {
  readonly name: string;
  readonly rules: Rules;
  readonly log: Log;
}

/** None where there is no verdict. */
export function trainingMoves(room: Room): TrainingRow[] {
  const { rules, log, name } = room;
  const result = score(rules, log);
  if (!result) return [];
  const s = replay(rules, log);
  const stands = new Set(s.visits.flatMap((v) => v.played.map((p) => p.act)));
  return log.flatMap((move, i): TrainingRow[] => {
    const { seat, act } = move;
    const role = own(rules.seats, seat)?.role;
    const judging = role === "judge" && act.do === "credence";
    if (!judging && !(role === "debater" && act.do === "speak")) return [];
    const before = view(rules, log.slice(0, i), seat);
    const [turn] = before.turns;
    if (!turn || !stands.has(act)) return [];
    const side = own(s.sides, seat);
    const credence = judging ? act.credence : result.credence;
    return [
      {
        prompt: promptFor(before, turn).messages.map(messageText).join("\n\n"),
        completion: replyFor(turn, act, (span) => textOf(s, span)),
        // of a judge, what this very credence earns; of a debater, what the room earned it
        reward: Math.log2(credence[judging ? result.truth : side!]!),
        seat,
        role: judging ? "judge" : "debater",
        ...(judging ? {} : { honest: side === result.truth }),
        room: name,
        topic: s.open!.question,
      },
    ];
  });
}

/** The best against the worst of the moves after one prompt; none where they earned the same. */
export function trainingPairs(rows: readonly TrainingRow[]): TrainingPair[] {
  return [...Map.groupBy(rows, (r) => `${r.seat}\n${r.prompt}`).values()].flatMap((of) => {
    const sorted = of.toSorted((a, b) => b.reward - a.reward);
    const [best, worst] = [sorted[0]!, sorted.at(-1)!];
    const strength = best.reward - worst.reward;
    if (!(strength > 0) || best.completion === worst.completion) return [];
    return [
      {
        prompt: best.prompt,
        chosen: best.completion,
        rejected: worst.completion,
        strength,
        source: "model",
        topic: best.topic,
      },
    ];
  });
}
