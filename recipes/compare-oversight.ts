/**
 * Ways of oversight compared on the same questions (Kenton et al. 2024; Elasky et al. 2026): the plan is kept before anything is played, a
 * pre-flight on questions of its own says what each way is worth here, then every question is judged in every way, in an order by lot.
 *
 *   plan -> pre-flight -> a room a question and way -> paired analysis, all of it kept
 *
 * Who sits in the rooms is the caller's: models, or readers that search the text (oversight/readers.ts).
 */
import { createHash } from "node:crypto";
import { pairedPower, questionsNeeded } from "@tiller/crowd";
import type { Rules } from "@tiller/room";
import { rng, TillerError } from "@tiller/schema";
import {
  analysed,
  type Judged,
  type OversightPlan,
  preflightOf,
  primary,
  verdictOf,
} from "./oversight/analysis.ts";
import { type Arm, armRules } from "./oversight/arms.ts";
import { playRoom, type Seats } from "./oversight/play.ts";
import type { TextQuestion } from "./oversight/questions.ts";

interface Asking {
  /** seats for one room; `cost` is asked once it is over */
  readonly seats: (rules: Rules) => { seats: Seats; cost: () => number };
  /** everything as it comes: the plan before any room, rooms with their logs, results last */
  readonly keep: (what: "plan" | "preflight" | "room" | "result", value: unknown) => void;
  readonly progress?: (done: number, total: number) => void;
}

export async function compareOversight(
  all: readonly TextQuestion[],
  plan: OversightPlan,
  o: Asking,
) {
  const order = rng(plan.seed, "questions").shuffle(all);
  const [early, main] = [
    order.slice(0, plan.preflight),
    order.slice(plan.preflight).slice(0, plan.questions),
  ];
  if (main.length < 2)
    throw new TillerError(
      "too_few",
      `${all.length} questions leave ${main.length} after a pre-flight of ${plan.preflight}. Give more, or lower preflight.`,
    );
  const { difference, discordant } = plan;
  const needed = questionsNeeded({ difference, discordant });
  const power = pairedPower({ difference, discordant, questions: main.length });
  const ids = createHash("sha256")
    .update(main.map((q) => q.id).join("\n"))
    .digest("hex");
  o.keep("plan", { ...plan, found: all.length, played: main.length, needed, power, ids });

  const ways = [...new Set<Arm>(["naive", "expert", "critique", ...plan.compare[0]!])];
  const first =
    early.length > 0 ? preflightOf(await judgeAll(early, ways, plan, o), plan, main.length) : null;
  o.keep("preflight", first);
  const judged: Judged[] = [];
  for (const [i, question] of main.entries()) {
    judged.push(...(await judgeAll([question], plan.arms, plan, o)));
    o.progress?.(i + 1, main.length);
    if (plan.stop && primary(judged, plan).anytime.shownAfter !== null) break;
  }
  const result = { ...analysed(judged, plan), needed, power };
  o.keep("result", result);
  return { preflight: first, result, judged };
}

async function judgeAll(
  questions: readonly TextQuestion[],
  ways: readonly Arm[],
  plan: OversightPlan,
  o: Asking,
) {
  const judged: Judged[] = [];
  for (const q of questions) for (const arm of ways) judged.push(await judgeOne(q, arm, plan, o));
  return judged;
}
async function judgeOne(
  q: TextQuestion,
  arm: Arm,
  plan: OversightPlan,
  o: Asking,
): Promise<Judged> {
  const rules = armRules(arm, plan);
  const { seats, cost } = o.seats(rules);
  const texts = [{ id: "text", title: q.title, body: q.text }];
  // one seed a question: the same list of answers in every arm, so that pairs differ by the arm alone
  const seed = Number.parseInt(
    createHash("sha256").update(`${plan.seed} ${q.id}`).digest("hex").slice(0, 7),
    16,
  );
  const about = { question: q.id, title: q.title, arm };
  try {
    const log = await playRoom(rules, { question: q.question, answers: q.answers, texts }, seats, {
      seed,
    });
    o.keep("room", { kind: "tiller-room", version: 1, name: `${arm} ${q.id}`, rules, log });
    return {
      ...about,
      ...verdictOf(rules, log),
      cost: cost(),
    };
  } catch (e) {
    if (!(e instanceof TillerError && e.code === "no_move")) throw e; // a seat that makes no move has no verdict, and takes no side
    const none = { right: null, credence: [], truth: 0, honest: null, moved: 0, checked: false };
    return { ...about, ...none, minutes: 0, cost: cost(), failure: e.message };
  }
}
