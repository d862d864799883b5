/** Rooms of a comparison played in memory, one after another, whoever sits in them being a function of what it sees. */
import { createHash } from "node:crypto";
import type { Log, Rules } from "@tiller/room";
import { TillerError } from "@tiller/schema";
import { type Judged, type OversightPlan, unjudged, verdictOf } from "./analysis.ts";
import { type Arm, armRules } from "./arms.ts";
import { playRoom, type Seats } from "./play.ts";
import type { TextQuestion } from "./questions.ts";

/** One seed a question: the same list of answers in every way, so that pairs differ by the way alone. */
export const seedOf = (plan: OversightPlan, q: TextQuestion): number =>
  Number.parseInt(
    createHash("sha256").update(`${plan.seed} ${q.id}`).digest("hex").slice(0, 7),
    16,
  );

export function inMemory(
  plan: OversightPlan,
  o: {
    /** seats for one room; `cost` is asked once it is over */
    readonly seats: (rules: Rules) => { seats: Seats; cost: () => number };
    readonly room?: (played: { name: string; rules: Rules; log: Log }) => void;
  },
) {
  const one = async (q: TextQuestion, arm: Arm): Promise<Judged> => {
    const rules = armRules(arm, plan);
    const { seats, cost } = o.seats(rules);
    const texts = [{ id: "text", title: q.title, body: q.text }];
    const about = { question: q.id, title: q.title, arm };
    try {
      const asked = { question: q.question, answers: q.answers, texts };
      const log = await playRoom(rules, asked, seats, { seed: seedOf(plan, q) });
      o.room?.({ name: `${arm} ${q.id}`, rules, log });
      return { ...about, ...verdictOf(rules, log), cost: cost() };
    } catch (e) {
      if (!(e instanceof TillerError && e.code === "no_move")) throw e; // a seat that makes no move has no verdict, and takes no side
      return { ...about, ...unjudged, cost: cost(), failure: e.message };
    }
  };
  return async (questions: readonly TextQuestion[], ways: readonly Arm[]): Promise<Judged[]> => {
    const judged: Judged[] = [];
    for (const q of questions) for (const arm of ways) judged.push(await one(q, arm));
    return judged;
  };
}
