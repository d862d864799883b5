/** What is said over HTTP about experiments: starting one, and what can be done from a node of its trace. */
import { z } from "zod";
import { Agents, Budget } from "./trace.ts";

/** What people call an experiment, and what they note about it. */
export const ExperimentLabels = z.strictObject({
  title: z.string().trim().min(1).max(200).optional().describe("its workflow's own unless said"),
  note: z.string().max(4000).optional(),
  tags: z.array(z.string().trim().min(1).max(40)).max(20).optional(),
});
export type ExperimentLabels = z.infer<typeof ExperimentLabels>;

export const StartExperiment = z.strictObject({
  workflow: z.string().describe("its name with its version, as study@1"),
  input: z.unknown(),
  agents: Agents.default({}),
  budget: Budget.default({}),
  seed: z.int().default(1),
  ...ExperimentLabels.shape,
});

/** What an experiment would cost is asked for. */
export const ForecastExperiment = z.strictObject({
  workflow: z.string().describe("its name with its version, as study@1"),
  input: z.unknown(),
});
/** Work of people that an experiment asks for. */
export const ForecastWork = z.strictObject({
  kind: z.string().describe("the kind of work"),
  answers: z.int(),
  seconds: z
    .number()
    .nullable()
    .describe(
      "of active time, all answers together, at the median so far; null: nobody has done it",
    ),
  measured: z.int().describe("answers of people that the median is of"),
  pay: z
    .strictObject({ amount: z.number().describe("minor units, as cents"), currency: z.string() })
    .nullable()
    .describe("at today's rates; null: no rate, or no median"),
});
export type ForecastWork = z.infer<typeof ForecastWork>;
export const ExperimentForecast = z.strictObject({
  asks: z
    .array(ForecastWork)
    .nullable()
    .describe("null: its workflow does not say beforehand what it asks"),
  nearest: z
    .strictObject({
      id: z.string(),
      title: z.string(),
      minutes: z.number(),
      answers: z.number(),
      money: z.number().describe("US dollars of model calls"),
      tokens: z.number(),
      differs: z.array(z.strictObject({ path: z.string(), there: z.unknown(), here: z.unknown() })),
    })
    .nullable()
    .describe("of the same workflow and done: the one whose settings differ least"),
});
export type ExperimentForecast = z.infer<typeof ExperimentForecast>;
export const AtNode = z.strictObject({
  node: z.string().min(1).max(4000),
  input: z.unknown().optional(),
  output: z.unknown().optional(),
  reason: z.string().max(1000).optional(),
});
export const HoldExperiment = z.strictObject({ reason: z.string().max(1000).optional() });
export const MigrateExperiment = z.strictObject({
  to: z.string().describe("a newer version of its workflow"),
});
export const StartedExperiment = z.strictObject({ experiment: z.string() });

/** What sets a trigger off. */
export const TriggerOn = z.union([
  z.strictObject({ schedule: z.string().describe("cron: minute hour day month weekday, in UTC") }),
  z.strictObject({ dataset: z.string().min(1).describe("a new version under this name") }),
  z.strictObject({ checkpoint: z.string().min(1).describe("a model saved under this name") }),
]);
export type TriggerOn = z.infer<typeof TriggerOn>;
export const NewTrigger = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,60}$/, "is lower-case words with hyphens"),
  workflow: z.string(),
  input: z
    .unknown()
    .describe('"$event" in it stands for the id of the dataset or checkpoint, or the time'),
  agents: Agents.default({}),
  budget: Budget.default({}),
  on: TriggerOn,
});
export type NewTrigger = z.output<typeof NewTrigger>;
/** One event that set a trigger off. */
export const TriggerFiring = z.strictObject({
  event: z.string().describe("the scheduled time, or the id of the dataset version or checkpoint"),
  at: z.iso.datetime(),
  state: z.enum(["pending", "started", "failed"]),
  experiment: z.string().nullable(),
  error: z.string().nullable().describe("why it started no experiment, and what to do"),
});
export type TriggerFiring = z.infer<typeof TriggerFiring>;
export const SetTrigger = z.strictObject({
  active: z.boolean().describe("false: events start nothing until it is resumed"),
});
export const Trigger = NewTrigger.extend({
  id: z.string(),
  active: z.boolean(),
  nextAt: z.iso.datetime().nullable(),
  fired: z.int().describe("events so far"),
  lastExperiment: z.string().nullable(),
  lastError: z.string().nullable().describe("why its newest firing started no experiment"),
  firings: z.array(TriggerFiring).describe("the newest, newest first"),
});
export type Trigger = z.infer<typeof Trigger>;

/** What people and models answered in an experiment: enough to run it again without them. */
export const Recording = z.strictObject({
  workflow: z.string(),
  seed: z.number(),
  input: z.unknown(),
  results: z.record(z.string(), z.unknown()).describe("by path below the experiment's root"),
});
export type Recording = z.infer<typeof Recording>;
