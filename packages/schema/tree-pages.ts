/** What the page of a tree shows beside its nodes: versions, edits and judgments of one, and two trees compared. */
import { z } from "zod";
import { TreeJudgment, TreeNodeName, TreeRedo } from "./trees.ts";
import { View } from "./view.ts";

/** Whether what was read then is what stands now: word for word, the same beside other earlier summaries, or something else. */
const ReadThen = z.enum(["current", "drifted", "other"]);
export type ReadThen = z.infer<typeof ReadThen>;

const TreeVersion = z.strictObject({
  n: z.int(),
  text: z.string(),
  author: TreeJudgment.shape.author,
  at: z.iso.datetime(),
  stands: z.boolean().describe("it is the node's summary now"),
  made: ReadThen.describe("what it was made from"),
  edit: z.int().nullable().describe("the version of the tree that it made, if an edit did"),
  read: z.string().nullable().describe("what it was made from; of what people wrote alone"),
});
export type TreeVersion = z.infer<typeof TreeVersion>;
const TreeEditMade = z.strictObject({
  n: z.int().describe("the version of the tree that it made"),
  what: z.enum(["leaf", "output"]),
  text: z.string(),
  before: z.string(),
  redo: TreeRedo,
  by: z.string().nullable().describe("a pseudonym"),
  at: z.iso.datetime(),
});
export const TreeNodePage = z.strictObject({
  reads: z
    .strictObject({
      saw: z.string().describe("by hash"),
      earlier: z.array(z.string()),
      text: z.string(),
    })
    .nullable()
    .describe("what the node is made from now; null: some of it is not written"),
  versions: z.array(TreeVersion).describe("the newest first, as all here"),
  edits: z.array(TreeEditMade),
  judgments: z.array(z.strictObject({ ...TreeJudgment.shape, read: ReadThen })),
});
export type TreeNodePage = z.infer<typeof TreeNodePage>;
export type JudgmentShown = TreeNodePage["judgments"][number];
export const TreeJudged = z
  .record(TreeNodeName, z.int())
  .describe("how much was said of a node; of those of which anything was");

/** What staff judge from the page, and what of it is the desk's. */
const JudgedFromPage = z.enum(["feedback", "check"]);
export type JudgedFromPage = z.infer<typeof JudgedFromPage>;
export const TreeTaskQuery = z.strictObject({ kind: JudgedFromPage });
/** A node as the desk's form asks about it. */
export const TreeTask = z.strictObject({
  title: z.string(),
  instructions: z.string(),
  view: View,
  input: z.json(),
  n: z.int().describe("the summary that is judged"),
  saw: z.string(),
});
export type TreeTask = z.infer<typeof TreeTask>;
export const JudgeTreeNode = z.strictObject({
  kind: JudgedFromPage,
  n: TreeTask.shape.n,
  saw: TreeTask.shape.saw,
  value: z.record(z.string(), z.json()),
});
export type JudgeTreeNode = z.infer<typeof JudgeTreeNode>;

/** What a tree can be laid beside: others over the same text or of the same name, and itself before an edit. */
export const TreesBeside = z.strictObject({
  trees: z.array(
    z.strictObject({ tree: z.string(), name: z.string(), seed: z.int(), madeAt: z.iso.datetime() }),
  ),
  edits: z.array(
    z.strictObject({
      ...TreeEditMade.pick({ n: true, what: true, by: true, at: true }).shape,
      node: z.string(),
    }),
  ),
});
export const TreeCompareQuery = z.strictObject({
  with: z.string(),
  before: z.coerce
    .number()
    .int()
    .positive()
    .optional()
    .describe("the other as it stood before its edit of this number"),
});
const ComparedSide = z.strictObject({
  tree: z.string(),
  name: z.string(),
  version: z.int(),
  seed: z.int(),
  policy: z.string().nullable(),
  madeAt: z.iso.datetime(),
});
const ComparedNode = z.strictObject({
  node: TreeNodeName,
  text: z.string().nullable().describe("null: nothing stands there"),
  by: z.string().nullable(),
  said: z.int().describe("judgments of it"),
});
/** Of a tree that was grown beside another: what was said that taught its policy. */
export const TaughtBy = z.strictObject({
  tree: z.string().describe("whose judgments they are"),
  how: z.enum(["node", "height"]).describe("of this node, or where it has none, of its height"),
  judgments: z.int(),
  nodes: z.array(TreeNodeName).describe("that they are about; twenty at most"),
});
export type TaughtBy = z.infer<typeof TaughtBy>;
export const TreeComparison = z.strictObject({
  sides: z.tuple([ComparedSide, ComparedSide]),
  aligned: z
    .enum(["names", "places"])
    .describe("the same parts by name, or by the book's characters"),
  counts: z.strictObject({
    same: z.int(),
    changed: z.int(),
    onlyHere: z
      .int()
      .describe("nodes of the first that stand for a place that no node of the second stands for"),
    onlyThere: z.int(),
  }),
  rows: z
    .array(
      z.strictObject({
        how: z.enum(["same", "changed", "covers"]),
        height: z.int(),
        leaf: z.boolean(),
        here: ComparedNode,
        there: z
          .array(ComparedNode)
          .describe("one, or where it covers: all of its height that share characters with it"),
        taughtBy: TaughtBy.nullable().describe(
          "the judgments that changed it, where they are known",
        ),
      }),
    )
    .describe("the root, then what it is made from, from the left"),
});
export type TreeComparison = z.infer<typeof TreeComparison>;
