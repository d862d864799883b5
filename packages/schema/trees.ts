/** Trees of summaries over HTTP: what one is made with, where its nodes stand, what an edit would do. */
import { z } from "zod";
import { ExperimentId } from "./ids.ts";
import { Agents } from "./trace.ts";

export const TreeNodeName = z
  .string()
  .regex(/^\d{1,3}\.\d{1,7}$/, "a node is named height.index, as 0.12");

/** Which nodes people write. The others are the policy's. */
export const PeoplesNodes = z.strictObject({
  share: z.number().min(0).max(1).default(0).describe("of the nodes, drawn by the seed"),
  heights: z.array(z.int().min(0)).default([]).describe("of these heights alone; none: of all"),
  nodes: z.array(TreeNodeName).default([]).describe("these as well"),
  authorHours: z
    .number()
    .min(0)
    .max(8760)
    .optional()
    .describe(
      "what a person wrote and an edit made invalid goes to her alone for so long; 24 if not said",
    ),
});
export type PeoplesNodes = z.infer<typeof PeoplesNodes>;

/** What all below a node may use, the node itself included. */
const TreeBudget = z.strictObject({
  node: z.union([TreeNodeName, z.literal("root")]).default("root"),
  tokens: z.int().positive().optional().describe("prompts and outputs"),
  money: z.number().positive().optional().describe("US dollars"),
  answers: z.int().nonnegative().optional().describe("of people"),
});

export const TreeSettings = z.strictObject({
  window: z.int().min(256).default(2048).describe("tokens of prompt and output together"),
  seed: z.int().min(0).default(1).describe("of where the parts end, of the draws, of who writes"),
  context: z
    .string()
    .regex(/^(?:strict|none|lag:[1-9]\d{0,3})$/, "strict, none or lag:3")
    .default("strict")
    .describe("which earlier summaries of its height a node waits for and reads"),
  instructions: z.string().max(20_000).default("").describe("words before every prompt"),
  model: z.string().min(1).optional().describe("the policy; without one, people write every node"),
  temperature: z.number().min(0).max(2).default(0),
  price: z
    .strictObject({ prompt: z.number().min(0), completion: z.number().min(0) })
    .default({ prompt: 0, completion: 0 })
    .describe("of the model, US dollars a million tokens: for forecasts and budgets of money"),
  people: PeoplesNodes.prefault({}),
  parallel: z.int().min(1).max(256).default(16).describe("of the policy's nodes, at once at most"),
  budgets: z.array(TreeBudget).max(1000).default([]),
});
export type TreeSettings = z.infer<typeof TreeSettings>;

export const NewTree = z.strictObject({
  name: z.string().min(1).max(200),
  text: z.string().min(1).max(20_000_000),
  ...TreeSettings.shape,
  agents: Agents.default({}).describe("who answers in place of people"),
});
export type NewTree = z.infer<typeof NewTree>;
export const StartedTree = z.strictObject({ tree: z.string(), experiment: ExperimentId });

export const TreeRedo = z.enum(["path", "drifted", "all"]);
export type TreeRedo = z.infer<typeof TreeRedo>;

/** What nodes take, at most. */
export const TreeText = z.strictObject({ text: z.string() });
export const TreeForecast = z.strictObject({
  nodes: z.int(),
  people: z.strictObject({ nodes: z.int(), minutes: z.number().describe("by Wu et al.'s times") }),
  policy: z.strictObject({ nodes: z.int(), tokens: z.number(), money: z.number() }),
});
export type TreeForecast = z.infer<typeof TreeForecast>;

export const TreeStanding = z.enum(["current", "drifted", "aged", "invalid"]);
export const TreeNode = z.strictObject({
  node: TreeNodeName,
  parent: z.string().nullable(),
  starts: z.int().nullable().describe("of a leaf, in the text"),
  ends: z.int().nullable(),
  cap: z.int(),
  people: z.boolean().describe("a person is to write it"),
  standing: TreeStanding.nullable().describe("null: nothing was written so far"),
  trouble: z.string().nullable(),
  text: z.string().nullable(),
  author: z.strictObject({ kind: z.enum(["policy", "person"]), name: z.string() }).nullable(),
  at: z.iso.datetime().nullable(),
  versions: z.int().describe("how many were written in all"),
  seq: z.number(),
});
export type TreeNode = z.infer<typeof TreeNode>;

/** What somebody said of a node's summaries; `value` is as the task has it. */
export const judgmentKinds = [
  "compare", // three summaries, by tree-compare
  "check", // one, down to the book, by tree-check
  "feedback", // a second reader's, by tree-feedback
  "reply", // its answer, by tree-reply
  "claims", // each with spans and a verdict
  "coherence", // errors by sentence
] as const;
export const TreeJudgment = z.strictObject({
  n: z.int(),
  kind: z.enum(judgmentKinds),
  node: TreeNodeName,
  key: z.string().describe("the node's address when it was judged"),
  saw: z.string().describe("what was read, by hash"),
  texts: z.array(z.string()).describe("the summaries, in the order that they were read"),
  value: z.record(z.string(), z.json()),
  author: z.strictObject({ kind: z.enum(["policy", "person"]), name: z.string() }),
  answer: z.string().nullable().describe("of the desk"),
  policies: z
    .array(z.string())
    .nullable()
    .optional()
    .describe("whose each of the texts was, where that is known"),
  at: z.iso.datetime(),
});
export type TreeJudgment = z.infer<typeof TreeJudgment>;

const side = z.enum(["a", "b", "tie"]);
/** What a comparison of three (`tree-compare`) says of its pairs. */
export const ThreePairs = z.object({ firstSecond: side, secondThird: side, firstThird: side });
export type ThreePairs = z.infer<typeof ThreePairs>;
/** A field, and which two of the three it is about. */
export const pairFields = [
  ["firstSecond", 0, 1],
  ["secondThird", 1, 2],
  ["firstThird", 0, 2],
] as const;

const TreeHead = {
  tree: z.string(),
  name: z.string(),
  state: z.enum(["growing", "whole", "stopped"]),
  why: z.string(),
  version: z.int(),
  experiment: z.string(),
  nodes: z.int(),
  written: z.int(),
  madeAt: z.iso.datetime(),
  about: z.string().nullable().describe("the tree whose text this one answers a question about"),
};
export const TreeInList = z.strictObject(TreeHead);
export type TreeInList = z.infer<typeof TreeInList>;
export const TreeDetail = z.strictObject({
  ...TreeHead,
  settings: TreeSettings,
  caps: z.array(z.int()).describe("by height"),
  used: z.strictObject({ tokens: z.number(), money: z.number(), answers: z.int() }),
  left: TreeForecast,
  lacks: z.array(TreeNodeName).describe("nodes that nothing stands in"),
  best: z.array(TreeNodeName).describe("the highest that are written: the best so far"),
});
export type TreeDetail = z.infer<typeof TreeDetail>;
export const TreeNodes = z.strictObject({ nodes: z.array(TreeNode), seq: z.number() });
export const TreeNodesQuery = z.strictObject({
  after: z.coerce.number().min(0).default(0).describe("only what changed since"),
});

export const TreeEdit = z.strictObject({
  node: TreeNodeName,
  what: z.enum(["leaf", "output"]).describe("other words of the book, or another summary"),
  text: z.string().max(200_000),
});
export type TreeEdit = z.infer<typeof TreeEdit>;
const TreeChoice = z.strictObject({
  ...TreeForecast.shape,
  redone: z.array(TreeNodeName),
  drifts: z.array(TreeNodeName).describe("kept, though made beside something else"),
  asked: z.array(TreeNodeName).describe("people wrote them: shown what changed"),
});
export const TreeEffect = z.strictObject({
  path: TreeChoice,
  drifted: TreeChoice,
  all: TreeChoice,
});
export type TreeEffect = z.infer<typeof TreeEffect>;
export const EditTree = z.strictObject({ ...TreeEdit.shape, redo: TreeRedo.default("path") });
export const GrowTree = z.strictObject({ redo: TreeRedo.default("path") });

/** A tree out of a file: our own, or one that was made elsewhere. */
export const ImportTree = z.strictObject({
  tree: z.json().describe("what the file says"),
  chunks: z.json().optional().describe("BooookScore's chunks, by book"),
  book: z.string().optional().describe("of a file of several"),
  evenly: z.boolean().default(false).describe("divide a height's summaries among those above"),
  name: z.string().min(1).max(200).optional(),
  model: z.string().min(1).optional().describe("writes what is missing; else people do"),
});
export type ImportTree = z.infer<typeof ImportTree>;
export const ImportedTree = z.strictObject({
  tree: z.string(),
  nodes: z.int(),
  written: z.int(),
  notes: z.array(z.string()).describe("what whoever brought it should know"),
});
