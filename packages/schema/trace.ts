/**
 * The trace: every experiment as a tree of nodes. A node's id is its place: the experiment's id, then the
 * names on the way down, so that a replay writes the same nodes and a fork finds what it carries over.
 */
import { z } from "zod";
import { ExperimentId } from "./ids.ts";
import { Prompt } from "./prompt.ts";

export const nodeKinds = [
  "workflow", // the root or a child
  "map", // its items lie below it
  "item",
  "stage",
  "step",
  "ask",
  "model",
  "job",
  "sleep",
  "save",
] as const;
export const nodeStates = ["running", "waiting", "done", "failed", "cancelled"] as const;

export const NodeError = z.strictObject({
  code: z.string(),
  message: z.string().describe("what happened and the remedy"),
});
export type NodeError = z.infer<typeof NodeError>;

export const NodeLink = z.strictObject({
  kind: z.enum(["batch", "run", "dataset", "checkpoint", "experiment"]),
  id: z.string(),
});
export type NodeLink = z.infer<typeof NodeLink>;

/** A node as the tree shows it: small, thousands at a time. */
export const TraceNode = z.strictObject({
  id: z.string().describe("`EXPERIMENT` for the root, else `EXPERIMENT/name/name`"),
  experiment: ExperimentId,
  parent: z.string().nullable(),
  kind: z.enum(nodeKinds),
  name: z.string(),
  place: z.int().describe("order among its siblings"),
  state: z.enum(nodeStates),
  agent: z.string().nullable().describe("who answered: people, simulated, a model's name, replay"),
  cached: z.boolean().describe("a model's answer out of the cache, or a result carried over"),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable(),
  cost: z.number().describe("US dollars of this node alone"),
  tokens: z.int().describe("prompt and completion tokens of this node alone"),
  answers: z.int().describe("people's answers to this node alone"),
  wanted: z.int().describe("people's answers it asks for"),
  error: NodeError.nullable(),
  brief: z.string().describe("one line of what came out, or what it waits for"),
  seq: z.int().describe("goes up with every change, over all experiments"),
});
export type TraceNode = z.infer<typeof TraceNode>;

/** A node in full. */
export const NodeDetail = TraceNode.extend({
  input: z.unknown(),
  output: z.unknown(),
  prompt: Prompt.nullable(),
  links: z.array(NodeLink),
  attempts: z.int(),
});
export type NodeDetail = z.infer<typeof NodeDetail>;

/** GET /api/studio/experiments/:id/trace?after=SEQ : the nodes that changed since, and where to ask on from. */
export const TracePage = z.strictObject({
  nodes: z.array(TraceNode),
  seq: z.int(),
  more: z.boolean().optional().describe("there are more: ask on at once"),
});
export type TracePage = z.infer<typeof TracePage>;

export const NodeComment = z.strictObject({
  id: z.string(),
  node: z.string(),
  author: z.string(),
  text: z.string().min(1).max(4000),
  at: z.iso.datetime(),
});
export type NodeComment = z.infer<typeof NodeComment>;

/** What an experiment may use up, itself and everything below it; what is left out is without limit. */
export const Budget = z.strictObject({
  money: z.number().nonnegative().optional().describe("US dollars of model calls"),
  tokens: z.int().nonnegative().optional().describe("prompt and completion tokens"),
  minutes: z.number().positive().optional().describe("wall-clock minutes from its start"),
  people: z.int().nonnegative().optional().describe("answers by people"),
});
export type Budget = z.infer<typeof Budget>;

/** Who answers a kind of task: people, or someone else, chosen by configuration. */
export const AgentSpec = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("people"),
    simulated: z
      .boolean()
      .optional()
      .describe("the home's simulated raters may answer too: for demonstrations"),
  }),
  z.strictObject({ kind: z.literal("model"), model: z.string() }),
  z
    .strictObject({ kind: z.literal("draft"), model: z.string() })
    .describe("a person, with a model's draft"),
  z
    .strictObject({ kind: z.literal("approval"), model: z.string() })
    .describe("a model, with a person's approval"),
  z.strictObject({ kind: z.literal("replay"), experiment: ExperimentId }),
  z.strictObject({ kind: z.literal("simulated"), skill: z.number().min(0).max(1).default(0.8) }),
]);
export type AgentSpec = z.infer<typeof AgentSpec>;
/** What an answer by code in place of people is signed with; `k` from 0. Nobody registers under such a name. */
export const simulatedName = (k: number): string => `simulated-${k + 1}`;
export const isSimulatedName = (by: string): boolean => /^simulated-\d+$/.test(by);
/** By task name; `*` for all others; people where nothing is said. */
export const Agents = z.record(z.string(), AgentSpec);
export type Agents = z.infer<typeof Agents>;
/** Programs in people's place answer some of it: a demonstration, or a trial. */
export const isSimulated = (agents: Agents): boolean =>
  Object.values(agents).some((a) => a.kind === "simulated" || (a.kind === "people" && a.simulated));
