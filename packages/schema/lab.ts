/** The lab: experiments, stages, runs, metrics, samples, datasets, checkpoints. */
import { z } from "zod";
import { Agents, Budget } from "./trace.ts";
import { CheckpointId, DatasetId, ExperimentId, RunId } from "./ids.ts";
import { artefactKinds, MetricDef } from "./job.ts";
import { Summary } from "./report.ts";
import { Sample } from "./samples.ts";

export const stageStates = ["waiting", "running", "done", "failed"] as const;
export const Stage = z.strictObject({
  name: z.string().describe("stable: its key in the workflow"),
  title: z.string(),
  state: z.enum(stageStates),
  done: z.number(),
  total: z.number(),
  note: z.string().describe("one line of what is happening or what came out"),
  startedAt: z.iso.datetime().nullable(),
  endedAt: z.iso.datetime().nullable(),
  run: RunId.nullable(),
});
export type Stage = z.infer<typeof Stage>;

/** held: set aside, by a person or because it ended its process; `error` says why and what to do */
export const experimentStates = ["running", "held", "done", "failed", "cancelled"] as const;
export const Experiment = z.strictObject({
  id: ExperimentId,
  recipe: z.string().describe("workflow name with version, e.g. better-continuations@4"),
  title: z.string(),
  note: z.string(),
  tags: z.array(z.string()),
  state: z.enum(experimentStates),
  seed: z.number(),
  config: z
    .record(z.string(), z.unknown())
    .describe("its input; empty where large: the root node has it"),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable(),
  error: z.string().nullable(),
  stages: z.array(Stage),
  summary: Summary.nullable().describe("of its report; null until there is one"),
  result: z
    .unknown()
    .describe("what the workflow returned; null until then, in lists, and where it is large"),
  resultBytes: z
    .number()
    .nullable()
    .describe("the size of its result, which /result gives; null until then"),
  agents: Agents,
  budget: Budget,
  origin: z
    .record(z.string(), z.unknown())
    .nullable()
    .describe("what it came from or what started it"),
});
export type Experiment = z.infer<typeof Experiment>;

/** A training or sampling job. Metrics arrive as points, one row a step. */
export const Run = z.strictObject({
  id: RunId,
  experiment: ExperimentId.nullable(),
  kind: z.string().describe("of its job"),
  state: z.enum(["running", "done", "failed"]),
  config: z.record(z.string(), z.unknown()),
  codeRevision: z.string(),
  inputs: z
    .array(z.strictObject({ kind: z.enum(artefactKinds), id: z.string() }))
    .describe("all that it read"),
  metrics: z.record(z.string(), MetricDef).describe("how what it logs reads; empty for older runs"),
  dataset: DatasetId.nullable().describe("the first dataset that it read"),
  parent: CheckpointId.nullable().describe("the first checkpoint that it read"),
  output: CheckpointId.nullable(),
  done: z.number(),
  total: z.number(),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable(),
  error: z.string().nullable(),
});
export type Run = z.infer<typeof Run>;

export const MetricPoint = z.strictObject({
  step: z.number().int(),
  values: z.record(z.string(), z.number()),
});
export type MetricPoint = z.infer<typeof MetricPoint>;

export const DatasetRole = z
  .enum(["data", "evaluation"])
  .describe("evaluation: something is held to it, and what learns should share none of its rows");
export const Dataset = z.strictObject({
  id: DatasetId.describe("content hash"),
  name: z.string(),
  schema: z.string().describe("the name of its rows' schema, as labelled-pair@1"),
  experiment: ExperimentId.nullable(),
  rows: z.number(),
  judgments: z.number().describe("answers of people that its rows name"),
  role: DatasetRole,
  createdAt: z.iso.datetime(),
});
export type Dataset = z.infer<typeof Dataset>;

export const Checkpoint = z.strictObject({
  id: CheckpointId.describe("content hash of the weights"),
  name: z.string(),
  role: z.string().describe("what it is for: lm, policy, reward; another where a job says so"),
  path: z.string(),
  run: RunId.nullable(),
  parent: CheckpointId.nullable(),
  createdAt: z.iso.datetime(),
  metrics: z.record(z.string(), z.number()),
});
export type Checkpoint = z.infer<typeof Checkpoint>;

/** GET /api/studio/lineage/:checkpoint : the walk back, nearest first. */
export const Lineage = z.strictObject({
  checkpoint: Checkpoint,
  run: Run.nullable(),
  dataset: Dataset.nullable().describe("the nearest that people judged, else the nearest"),
  datasets: z.array(Dataset).describe("all that it and what it came from learned from"),
  raters: z.array(z.strictObject({ pseudonym: z.string(), judgments: z.number() })),
  parents: z.array(Checkpoint).describe("ancestors: policy <- reward model and base"),
});
export type Lineage = z.infer<typeof Lineage>;

/** Server-sent events of GET /api/studio/events?experiment=ID. The client refetches or appends. */
export const LiveEvent = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("experiment"), id: ExperimentId }),
  z.strictObject({ type: z.literal("stage"), experiment: ExperimentId, stage: Stage }),
  z.strictObject({ type: z.literal("trace"), experiment: ExperimentId }),
  z.strictObject({ type: z.literal("metric"), run: RunId, kind: z.string(), point: MetricPoint }),
  z.strictObject({ type: z.literal("sample"), sample: Sample }),
  z.strictObject({
    type: z.literal("judgment"),
    experiment: ExperimentId,
    done: z.number(),
    wanted: z.number(),
  }),
  z.strictObject({ type: z.literal("notice") }).describe("what waits for people has changed"),
]);
export type LiveEvent = z.infer<typeof LiveEvent>;
