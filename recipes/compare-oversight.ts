/**
 * Ways of oversight compared on the same questions (Kenton et al. 2024; Elasky et al. 2026): the plan is kept before anything is played, a
 * pre-flight on questions of its own says what each way is worth here, then every question is judged in every way, in an order by lot.
 *
 *   plan -> pre-flight -> a room a question and way -> paired analysis, all of it kept
 *
 * Who plays the rooms is the caller's: in memory, readers or models (oversight/in-memory.ts); as an experiment, people or models in durable
 * rooms, each person on a question once (oversight/seated.ts).
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { pairedPower, questionsNeeded } from "@tiller/crowd";
import { workflow } from "@tiller/flow";
import { Absence, rng, TillerError } from "@tiller/schema";
import {
  analysed,
  type Judged,
  OversightPlan,
  preflightOf,
  primary,
} from "./oversight/analysis.ts";
import type { Arm } from "./oversight/arms.ts";
import { oneOfText, questionsOf, type TextQuestion } from "./oversight/questions.ts";
import { reportOf } from "./oversight/report.ts";
import { judgesOf, seatedJudges } from "./oversight/seated.ts";

interface Asking {
  /** these questions, each in all of these ways, in the order given; a part says what seeds its draws */
  readonly judge: (
    questions: readonly TextQuestion[],
    ways: readonly Arm[],
    part: string,
  ) => Promise<Judged[]>;
  /** questions judged before the result is looked at */
  readonly block?: number;
  /** everything as it comes: the plan before any room, results last */
  readonly keep: (what: "plan" | "preflight" | "result", value: unknown) => unknown;
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
  await o.keep("plan", { ...plan, found: all.length, played: main.length, needed, power, ids });

  const ways = [...new Set<Arm>(["naive", "expert", "critique", ...plan.compare[0]!])];
  const first =
    early.length > 0
      ? preflightOf(await o.judge(early, ways, "pre-flight"), plan, main.length)
      : null;
  await o.keep("preflight", first);
  const judged: Judged[] = [];
  const block = o.block ?? 1;
  for (let i = 0; i < main.length; i += block) {
    const next = main.slice(i, i + block);
    judged.push(...(await o.judge(next, plan.arms, `from question ${i}`)));
    o.progress?.(i + next.length, main.length);
    if (plan.stop && primary(judged, plan).anytime.shownAfter !== null) break;
  }
  const result = { ...analysed(judged, plan), needed, power };
  await o.keep("result", result);
  return { preflight: first, result, judged };
}

const Compared = z.strictObject({
  questions: z
    .array(z.looseObject({}))
    .min(2)
    .describe(
      "{text, question, options, answer}, or stories of FairytaleQA; one question of a text is asked",
    ),
  judges: z
    .array(z.string().min(1))
    .min(1)
    .max(100)
    .describe("people by name, pseudonym or id, or model:NAME; of people at least as many as ways"),
  debaters: z
    .string()
    .regex(/^(reader|model:.+)$/, "is reader or model:NAME")
    .default("reader")
    .describe("who argues: a reader that searches the text for what persuades, or a model"),
  minutes: z
    .number()
    .positive()
    .optional()
    .describe(
      "of a judge in a room, the same in every way, divided among its rounds; no deadline when absent",
    ),
  absent: Absence.default({ do: "annul" }).describe(
    "what a judge's deadline means: annul is no verdict",
  ),
  plan: OversightPlan.prefault({}),
});
export const comparedOversight = workflow(
  "compare-oversight@1",
  Compared,
  async (flow, { questions, judges: named, plan, ...rest }) => {
    const judges = await judgesOf(flow, named, plan.arms);
    const all = oneOfText(questionsOf(questions, { seed: plan.seed }), plan.seed);
    const kept: Record<string, unknown> = {};
    const done = await compareOversight(all, plan, {
      block: judges.length,
      judge: seatedJudges(flow, { judges, plan, ...rest }),
      // before any room: what was planned is a dataset of its own, with its time and its hash
      keep: async (what, value) => Object.assign(kept, { [what]: await flow.save(what, value) }),
    });
    await flow.report(reportOf(done, plan, judges));
    const { compared, anytime, needed, power } = done.result;
    return {
      ...kept,
      judged: await flow.save("judged", done.judged),
      compared,
      anytime,
      needed,
      power,
    };
  },
  {
    title: "Ways of oversight compared",
    about:
      "People or models judge answers about texts they have not read, in several ways; nobody judges a question twice. The plan and its power are kept before the first room; docs/rooms.md says how to read what comes out.",
    labelling: true,
  },
);
