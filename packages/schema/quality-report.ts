/** What the quality pages show: estimates with intervals, never a bare fraction. NaN crosses as null. */
import { z } from "zod";
import { AnswerId, PersonId, TaskId } from "./ids.ts";
import { Seen } from "./seen.ts";
import { Role, verdicts } from "./work.ts";

/** A 95 % interval; `at` null: nothing to say. */
export const Estimated = z.object({
  at: z.number().nullable(),
  low: z.number().nullable(),
  high: z.number().nullable(),
  n: z.number(),
});
export type Estimated = z.infer<typeof Estimated>;

export const AgreementReport = z.object({
  tasks: z.number(),
  answers: z.number(),
  raw: Estimated,
  cohen: Estimated.nullable(),
  fleiss: Estimated,
  krippendorff: Estimated,
  gwet: Estimated,
});
export type AgreementReport = z.infer<typeof AgreementReport>;

/**
 * Whose answers a figure is about. `source`: "people" at the desk here, "simulated" ones, "import:EXPERIMENT" of one import,
 * or "all" of them together; left out, it is people, or where there are none simulated raters, or else the largest import.
 */
export const Population = z.strictObject({
  source: z
    .string()
    .regex(/^(people|simulated|all|import:.+)$/, {
      error: 'source is "people", "simulated", "all" or "import:" and the import\'s experiment',
    })
    .optional(),
  experiment: z.string().min(1).optional().describe("of the batch that asked"),
  version: z.string().min(1).optional().describe("of the kind of work"),
  since: z.iso.datetime({ offset: true }).optional().describe("answers from then on"),
  until: z.iso.datetime({ offset: true }).optional().describe("answers before then"),
});
export type Population = z.infer<typeof Population>;
/** The population with its source decided, and how many answers lie in it and outside. */
export const Counted = Population.extend({
  source: z.string(),
  title: z.string().describe("in words"),
  answers: z.number(),
  elsewhere: z.number().describe("answers to the same field that are not counted"),
});
export type Counted = z.infer<typeof Counted>;
const Portion = z.strictObject({ id: z.string(), title: z.string(), answers: z.number() });
/** GET /api/quality/populations: what one may choose among. */
export const Populations = z.strictObject({
  sources: z.array(Portion),
  experiments: z.array(Portion),
  versions: z.array(Portion),
});
export type Populations = z.infer<typeof Populations>;

/** What can be measured: kinds of work with a closed question or a number among their fields. */
export const Measured = z.strictObject({
  type: z.string(),
  field: z.string(),
  label: z.string(),
  scale: z.enum(["nominal", "ordinal", "interval"]),
  answers: z.number().describe("given here; those of files are not counted"),
});
export type Measured = z.infer<typeof Measured>;

export const Stretch = Estimated.extend({ from: z.number(), to: z.number() });
const Named = z.object({ name: z.string(), agreement: Estimated });
const Drifting = z.enum(["steady", "falling", "not enough data"]);

export const RaterQuality = z.object({
  person: PersonId,
  pseudonym: z.string(),
  role: Role,
  answers: z.number(),
  reliability: Estimated.describe(
    "the person's own: of answers to closed questions, the fraction that names the true class, over all kinds of work; of an import, over this question",
  ),
  onQuestion: Estimated.describe(
    "probability of the true class on this question, by the method chosen for this data",
  ),
  weight: z.number().describe("what an answer counts; the answer itself stays"),
  others: Estimated.describe("pairwise agreement with other raters"),
  researchers: Estimated.describe("with blind researcher answers to the same tasks"),
  gold: Estimated,
  left: Estimated.nullable(),
  longer: Estimated.nullable(),
  fast: Estimated,
  copied: Estimated,
  drift: Drifting,
  flag: z
    .enum(verdicts)
    .nullable()
    .describe("on the person, as on every page; null: of an import's numbers"),
  concerns: z.array(z.string()).describe("what else is worth a talk, in words"),
  medianSeconds: z.number().nullable(),
});
export type RaterQuality = z.infer<typeof RaterQuality>;

export const QualityReport = z.object({
  type: z.string(),
  field: z.string(),
  scale: z.enum(["nominal", "ordinal", "interval"]),
  answers: z.number(),
  tasks: z.number(),
  computedAt: z.iso.datetime(),
  seconds: z.number().describe("what it took to compute"),
  population: Counted.describe("whose answers all figures here are about"),
  method: z.string().describe("of aggregation, chosen by held-out likelihood"),
  converged: z.boolean().describe("false: its fit was cut off at its limit of steps"),
  raters: AgreementReport.describe("raters with each other"),
  researchers: AgreementReport.describe("raters with researchers, blind"),
  amongResearchers: AgreementReport,
  overTime: z.array(Stretch),
  byVersion: z.array(Named),
  bySource: z.array(Named),
  people: z.array(RaterQuality),
  /** raw agreement of everyone with everyone among the busiest, and of groups with groups */
  matrix: z.array(
    z.object({ first: PersonId, second: PersonId, n: z.number(), agreed: z.number() }),
  ),
  groups: z.array(z.object({ first: z.string(), second: z.string(), agreement: AgreementReport })),
  everyone: z.object({ left: Estimated, longer: Estimated }).nullable(),
  disputed: z
    .array(z.object({ task: TaskId, doubt: z.number(), answers: z.number() }))
    .describe("tasks whose answers split, the most doubtful first"),
});
export type QualityReport = z.infer<typeof QualityReport>;

/** GET /api/quality/live: where things stand with the newest answer, between two reports. */
export const LiveQuality = z.object({
  population: Counted,
  answers: z.number().describe("of raters, taken in so far"),
  at: z.iso.datetime(),
  people: z.array(z.object({ person: PersonId, reliability: Estimated })),
  latest: z
    .array(
      z.object({
        task: TaskId,
        answers: z.number(),
        posterior: z.array(z.object({ label: z.string(), p: z.number() })),
      }),
    )
    .describe("tasks with the newest answers, the newest first"),
});
export type LiveQuality = z.infer<typeof LiveQuality>;

const AtConfidence = Estimated.extend({ confidence: z.number() });
const TestRetest = z.object({
  same: Estimated,
  shift: Estimated.nullable().describe("by how much the second number was higher"),
});
export const RaterReport = z.object({
  summary: RaterQuality,
  computedAt: z.iso.datetime(),
  population: Counted,
  calibration: z.object({
    answers: z.number(),
    curve: z.array(AtConfidence),
    atLeast: z.array(AtConfidence),
    threshold: z.discriminatedUnion("kind", [
      z.object({
        kind: z.literal("found"),
        level: z.number(),
        low: z.number(),
        high: z.number().nullable(),
        agreement: Estimated,
        sure: z.boolean(),
      }),
      z.object({ kind: z.literal("not reached"), best: Estimated }),
      z.object({ kind: z.literal("not enough data"), answers: z.number(), needed: z.number() }),
    ]),
  }),
  drift: z.object({
    n: z.number(),
    before: Estimated,
    recent: Estimated,
    change: Estimated,
    evidence: z.number(),
    since: z.number().nullable(),
    verdict: Drifting,
  }),
  testRetest: z
    .object({ own: TestRetest, everyone: TestRetest })
    .describe("test-retest: the same item after a week or more"),
  /** agreement with the other raters, by stretch of time */
  overTime: z.array(Stretch),
  /** with blind researchers, by task version and source pair */
  researchers: z.array(z.object({ version: z.string(), source: z.string(), agreement: Estimated })),
  ties: Estimated.nullable(),
  fastAnswers: z.array(z.object({ answer: AnswerId, seconds: z.number(), bound: z.number() })),
  copies: z.array(
    z.object({ answer: AnswerId, other: AnswerId.nullable(), similarity: z.number() }),
  ),
});
export type RaterReport = z.infer<typeof RaterReport>;

/** A task whose answers split, with what everyone said. */
export const Disagreement = z.strictObject({
  task: TaskId,
  type: z.string(),
  version: z.string(),
  ...Seen.pick({ view: true, input: true }).shape,
  said: z.array(
    z.strictObject({
      answer: AnswerId,
      person: PersonId,
      by: z.string().describe("pseudonym"),
      staff: z.boolean(),
      ...Seen.pick({ value: true, swap: true, shown: true }).shape,
      at: z.iso.datetime(),
    }),
  ),
  decision: z
    .strictObject({ value: z.unknown(), reason: z.string(), by: z.string(), at: z.iso.datetime() })
    .nullable(),
});
export type Disagreement = z.infer<typeof Disagreement>;

/** POST /api/quality/decisions: what a researcher settles; `gold` makes the task a gold item too. */
export const Decide = z.strictObject({
  task: TaskId,
  value: z.record(z.string(), z.unknown()),
  reason: z.string().trim().min(1).max(4000),
  gold: z.boolean().default(false),
});
export type Decide = z.infer<typeof Decide>;
