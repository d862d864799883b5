/** The plan of a comparison of ways of oversight, and what its rooms say: before it on known answers, and after it, question by question. */
import { z } from "zod";
import {
  anytimePaired,
  comparePaired,
  isRight,
  judgesReport,
  pairedPower,
  questionsNeeded,
} from "@tiller/crowd";
import { type Log, type Rules, score } from "@tiller/room";
import { type Arm, arms } from "./arms.ts";
import { minutesToRead, shownTo, tookPart } from "./effort.ts";

export const OversightPlan = z.strictObject({
  arms: z
    .array(z.enum(arms))
    .min(2)
    .default([...arms]),
  compare: z
    .array(z.tuple([z.enum(arms), z.enum(arms)]))
    .min(1)
    .default([
      ["debate", "consultancy"],
      ["critique", "consultancy"],
      ["debate", "critique"],
    ])
    .describe("pairs of arms; the first is the primary question, the others are secondary"),
  questions: z
    .int()
    .min(2)
    .default(800)
    .describe("at most, of those that are not in the pre-flight"),
  preflight: z.int().min(0).default(50),
  quoted: z.int().min(40).default(600).describe("characters of the text that a judge is shown"),
  asymmetry: z
    .enum(["quotes", "none"])
    .default("quotes")
    .describe("none: judges have the text too"),
  difference: z.number().positive().default(0.05).describe("that the primary question should find"),
  discordant: z
    .number()
    .positive()
    .max(1)
    .default(0.25)
    .describe("expected; as pre-flight has it where that is more"),
  stop: z
    .boolean()
    .default(false)
    .describe("as soon as the primary difference is shown, however early one looks"),
  seed: z.int().default(1),
});
export type OversightPlan = z.infer<typeof OversightPlan>;

/** One question in one way. `right`: one half for a tie; null where there was no verdict. */
export interface Judged {
  readonly question: string;
  readonly title: string;
  readonly arm: Arm;
  readonly right: number | null;
  readonly credence: readonly number[];
  readonly truth: number;
  readonly honest: boolean | null;
  readonly moved: number;
  readonly checked: boolean;
  /** characters before the judge */
  readonly shown: number;
  /** that it takes to read what the judge was shown */
  readonly minutes: number;
  /** that a person was seen to read and write; null: not a person, or not measured */
  readonly spent?: number | null;
  /** null: it stands in the trace */
  readonly cost: number | null;
  readonly failure?: string;
}
/** Of a room without a verdict. */
export const unjudged = {
  right: null,
  credence: [],
  truth: 0,
  honest: null,
  moved: 0,
  checked: false,
  shown: 0,
  minutes: 0,
};
export function verdictOf(rules: Rules, log: Log) {
  const { credence, truth, prior } = score(rules, log)!;
  const right = isRight(credence, truth);
  const moved = Math.abs(credence[truth]! - prior[truth]!);
  return {
    right: right === undefined ? 0.5 : Number(right),
    credence,
    truth,
    moved,
    shown: shownTo(rules, log, "judge").length,
    minutes: minutesToRead(shownTo(rules, log, "judge")),
    ...tookPart(rules, log),
  };
}

const pairsOf = (judged: readonly Judged[], [a, b]: readonly [Arm, Arm]) =>
  [...Map.groupBy(judged, (j) => j.question).values()].flatMap((of) => {
    const [x, y] = [a, b].map((arm) => of.find((j) => j.arm === arm)?.right ?? null);
    return x === null || y === null ? [] : [{ a: x!, b: y!, unit: of[0]!.title }];
  });
export function primary(judged: readonly Judged[], plan: OversightPlan) {
  const pairs = pairsOf(judged, plan.compare[0]!);
  return {
    pairs,
    anytime: anytimePaired(
      pairs.map((p) => p.a - p.b),
      { cells: 200 },
    ),
  };
}

/** What critiques, and the ways of the primary question, are worth on questions whose answers are known (Elasky et al. 2026, section 6). */
export function preflightOf(judged: readonly Judged[], plan: OversightPlan, questions: number) {
  const of = (arm: Arm) => judged.filter((j) => j.arm === arm);
  const accuracy = (arm: Arm) => of(arm).reduce((s, j) => s + (j.right ?? 0), 0) / of(arm).length;
  const { onlyA, onlyB, n } = comparePaired(pairsOf(judged, plan.compare[0]!));
  const discordant = Math.max(plan.discordant, (onlyA + onlyB) / n);
  const [alone, critic, helped] = [accuracy("naive"), accuracy("expert"), accuracy("critique")];
  return {
    questions: of("naive").length,
    judgeAlone: alone,
    criticAlone: critic,
    judgeWithCritique: helped,
    moved: of("critique").filter((j) => j.moved > 0.05).length / of("critique").length,
    checked: of("critique").filter((j) => j.checked).length / of("critique").length,
    discordant,
    needed: questionsNeeded({ difference: plan.difference, discordant }),
    power: pairedPower({ difference: plan.difference, discordant, questions }),
    worthIt: critic > alone && helped > alone,
  };
}

/** Of those that there are; null: there are none. */
function meanOf(all: readonly (number | null | undefined)[]): number | null {
  const known = all.filter((x) => typeof x === "number");
  return known.length > 0 ? known.reduce((s, x) => s + x, 0) / known.length : null;
}
/** What the judge's credence in the right answer is worth over a coin's among as many answers, in bits. */
const bitsOf = (of: readonly Judged[]): number | null =>
  meanOf(
    of.map((j) => (j.right === null ? null : Math.log2(j.credence[j.truth]! * j.credence.length))),
  );

export function analysed(judged: readonly Judged[], plan: OversightPlan) {
  const ways = plan.arms.map((arm) => {
    const of = judged.filter((j) => j.arm === arm);
    const said = of.flatMap((j) =>
      j.right === null
        ? []
        : [
            {
              question: j.title,
              transcript: j.question,
              judge: "judge",
              credence: j.credence,
              truth: j.truth,
            },
          ],
    );
    const mean = (f: (j: Judged) => number) => of.reduce((s, j) => s + f(j), 0) / of.length;
    const accuracy = (rows: readonly Judged[]) =>
      comparePaired(
        rows.flatMap((j) => (j.right === null ? [] : [{ a: j.right, b: 0, unit: j.title }])),
        { seed: plan.seed },
      ).difference;
    const sides = ["consultancy", "open"].includes(arm)
      ? {
          honest: accuracy(of.filter((j) => j.honest === true)),
          dishonest: accuracy(of.filter((j) => j.honest === false)),
        }
      : null;
    return {
      arm,
      n: said.length,
      accuracy: accuracy(of),
      failed: of.length - said.length,
      judges: said.length ? judgesReport(said, { seed: plan.seed }).all : null,
      minutes: mean((j) => j.minutes),
      shown: mean((j) => j.shown),
      spent: meanOf(of.map((j) => j.spent)),
      cost: meanOf(of.map((j) => j.cost)),
      bits: bitsOf(of),
      sides,
    };
  });
  const compared = plan.compare.map((pair) => ({
    pair,
    ...comparePaired(pairsOf(judged, pair), { seed: plan.seed }),
  }));
  return { ways, compared, anytime: primary(judged, plan).anytime };
}
