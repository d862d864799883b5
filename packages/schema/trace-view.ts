/**
 * What the trace's pages and files carry beyond the nodes themselves: the experiment at the head of its tree, a node with the
 * people behind it, the list of experiments with what each waits for, and the exported file.
 */
import { z } from "zod";
import { ExperimentId } from "./ids.ts";
import { experimentStates } from "./lab.ts";
import { Agents, Budget, NodeComment, NodeDetail, nodeStates } from "./trace.ts";

/** GET /api/studio/experiments/:id/trace/experiment : the experiment whose tree it is. */
export const TracedExperiment = z.strictObject({
  id: ExperimentId,
  recipe: z.string(),
  title: z.string(),
  state: z.enum(experimentStates),
  seed: z.number(),
  config: z.unknown().describe("empty where it is large: it is the root's input"),
  result: z.unknown().describe("null where it is large: see resultBytes"),
  resultBytes: z.number().nullable().default(null),
  agents: Agents,
  budget: Budget,
  origin: z.unknown().describe("forked, migrated or imported from, or what triggered it"),
  codeRevision: z.string().nullable(),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable(),
  error: z.string().nullable(),
  imported: z.boolean().describe("came out of a file: nothing here can change it"),
});
export type TracedExperiment = z.infer<typeof TracedExperiment>;

/** One person's answer to an ask. */
export const NodeAnswer = z.strictObject({
  task: z.string(),
  place: z.int().describe("which of the inputs that were asked"),
  by: z.string().describe("pseudonym"),
  simulated: z.boolean(),
  value: z.unknown(),
  activeSeconds: z.number(),
  at: z.iso.datetime(),
});
export type NodeAnswer = z.infer<typeof NodeAnswer>;
/** The same as files and imports have it: earlier ones call `by` a pseudonym. */
export const StoredNodeAnswer = z.preprocess((v) => {
  if (typeof v !== "object" || v === null || !("pseudonym" in v)) return v;
  const { pseudonym: by, ...rest } = v;
  return { by, ...rest };
}, NodeAnswer);

/** What an ask still waits for. */
export const NodeWait = z.strictObject({
  batch: z.string(),
  type: z.string().describe("the kind of work: the queue"),
  done: z.int(),
  wanted: z.int(),
  since: z.iso.datetime().describe("when it was asked"),
  deadline: z.iso.datetime().nullable(),
  held: z
    .array(z.strictObject({ pseudonym: z.string(), since: z.iso.datetime() }))
    .describe("who works on it now"),
  free: z.int().describe("answers that nobody works on yet"),
});
export type NodeWait = z.infer<typeof NodeWait>;

export const nodeParts = ["input", "output", "prompt", "answers"] as const;
export type NodePart = (typeof nodeParts)[number];
/** A part of a node that is too large for a page: GET .../trace/part gives it whole. */
export const LargePart = z.strictObject({
  part: z.enum(nodeParts),
  bytes: z.number().describe("of its JSON"),
  begins: z.string().describe("its first characters"),
});
export type LargePart = z.infer<typeof LargePart>;

/** GET /api/studio/experiments/:id/trace/node?id=NODE */
export const NodeView = NodeDetail.extend({
  answered: z.array(NodeAnswer),
  wait: NodeWait.nullable(),
  comments: z.array(NodeComment),
  large: z.array(LargePart).default([]).describe("left out above, for their size"),
});
export type NodeView = z.infer<typeof NodeView>;

/** GET /api/studio/experiments/:id/trace/search?q=TEXT : nodes whose texts hold it. */
export const TraceFound = z.strictObject({
  nodes: z.array(z.string()),
  complete: z.boolean().describe("false: there was more to look through than one search may"),
});
export type TraceFound = z.infer<typeof TraceFound>;

/** A row of GET /api/studio/experiments/:id/trace/digests : what came out, as a hash */
export const NodeDigest = z.strictObject({ id: z.string(), digest: z.string() });
export type NodeDigest = z.infer<typeof NodeDigest>;

/** How far an experiment is and what it waits for: a row of GET /api/studio/progress */
export const ExperimentProgress = z.strictObject({
  id: ExperimentId,
  recipe: z.string(),
  title: z.string(),
  state: TracedExperiment.shape.state,
  imported: z.boolean(),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable(),
  error: z.string().nullable(),
  done: z.number().describe("parts done, of the parts known so far"),
  total: z.number(),
  failed: z.int(),
  end: z.iso.datetime().nullable().describe("when it will end as things go; null: cannot be told"),
  endRange: z
    .strictObject({ low: z.iso.datetime(), high: z.iso.datetime().nullable() })
    .nullable()
    .describe("where people's answers decide: as the control room forecasts them"),
  ahead: z
    .int()
    .describe("stages that have not begun: the end is of what is under way, and they come after"),
  basis: z.string().describe("what the forecast rests on, or why there is none"),
  budget: Budget,
  spent: z.strictObject({
    money: z.number(),
    tokens: z.number(),
    minutes: z.number(),
    people: z.number(),
  }),
  waits: z.array(
    z.strictObject({
      node: z.string(),
      name: z.string(),
      what: z.string().describe("what it waits for, in words"),
      since: z.iso.datetime(),
      remedy: z.string().describe("how to unblock it"),
    }),
  ),
  waiting: z.int().describe("how many places wait in all; the longest waits are listed"),
});
export type ExperimentProgress = z.infer<typeof ExperimentProgress>;

/** A part of an experiment as its page lists them: a stage that its workflow declares, or a step of its trace. */
export const ProgressPart = z.strictObject({
  node: z.string().nullable().describe("where it is in the trace"),
  title: z.string(),
  state: z.enum(nodeStates),
  done: z.number(),
  total: z.number(),
  unit: z.string().describe('what is counted: "answers", "items"; empty where nothing is'),
  note: z.string(),
  startedAt: z.iso.datetime().nullable(),
  endedAt: z.iso.datetime().nullable(),
});
export type ProgressPart = z.infer<typeof ProgressPart>;
/** GET /api/studio/experiments/:id/progress */
export const OneProgress = ExperimentProgress.extend({
  parts: z.array(ProgressPart).describe("of a long list the first"),
  more: z.int().describe("parts that are not listed"),
});
export type OneProgress = z.infer<typeof OneProgress>;

/** A row of GET /api/studio/workflows : what an experiment can be started of. */
export const KnownWorkflow = z.strictObject({
  name: z.string(),
  title: z.string(),
  about: z
    .string()
    .default("")
    .describe("in Markdown: what it asks, of whom, how its figures read"),
  input: z.record(z.string(), z.unknown()).describe("JSON schema of the input"),
  labelling: z
    .boolean()
    .default(false)
    .describe("it asks people and trains nothing: work leads may start it"),
});
export type KnownWorkflow = z.infer<typeof KnownWorkflow>;

/** The first line of an exported trace. Then follow the light nodes and blocks of full ones, each compressed. */
export const TraceFileHead = z.strictObject({
  format: z.literal("tiller-trace"),
  version: z.literal(2),
  experiment: TracedExperiment,
  nodes: z.int(),
  exportedAt: z.iso.datetime(),
});
export type TraceFileHead = z.infer<typeof TraceFileHead>;
/** The same as a file has it: version 1 calls its experiment a run. */
export const StoredTraceFileHead = z.discriminatedUnion("version", [
  TraceFileHead,
  TraceFileHead.omit({ experiment: true })
    .extend({ version: z.literal(1), run: TracedExperiment })
    .transform(({ run, ...head }): TraceFileHead => ({ ...head, version: 2, experiment: run })),
]);

/** What a block holds of each node beside the light one. */
export const NodeRest = NodeView.pick({
  id: true,
  input: true,
  output: true,
  prompt: true,
  links: true,
  attempts: true,
  answered: true,
  comments: true,
  large: true,
}).extend({ answered: z.array(StoredNodeAnswer) });
export type NodeRest = z.infer<typeof NodeRest>;
