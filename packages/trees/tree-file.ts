/**
 * A tree as one file: its text, its nodes, everything that was ever given for a node, its edits, and what was said of it. Written and read
 * again it is the same. What was made elsewhere comes in as such a file too (`foreign.ts`), and datasets are made from one
 * (`tree-rows.ts`).
 */
import { z } from "zod";
import { Entry, hashOf, type Output, type Plan } from "@tiller/book";
import { inputOf } from "@tiller/book/keys.ts";
import type { PlanNode } from "@tiller/book/plan.ts";
import {
  TillerError,
  TreeJudgment,
  TreeNodeName,
  TreeRedo,
  TreeSettings,
  TreeStanding,
} from "@tiller/schema";
import { planAgain } from "./plan.ts";

export const FileEntry = Entry.extend({
  asked: z.string().describe("what gave it: a call of a workflow, an edit, a line of a file"),
  answer: z.string().nullable().describe("of the desk"),
  read: z.json().describe("what a person read, for a diff when it changes: earlier, text"),
  at: z.iso.datetime(),
});
export type FileEntry = z.infer<typeof FileEntry>;
export const FileNode = z.strictObject({
  id: TreeNodeName,
  parent: TreeNodeName.nullable(),
  children: z.array(TreeNodeName),
  span: z
    .strictObject({ from: z.int().min(0), to: z.int().min(0) })
    .nullable()
    .describe("of a leaf, in the text"),
  cap: z.int().positive(),
  people: z.boolean(),
  entry: z.int().min(1).nullable().describe("which of the entries stands there, from 1"),
  key: z.string().nullable(),
  used: z.int().min(0),
  standing: TreeStanding.nullable(),
  trouble: z.string().nullable(),
});
export type FileNode = z.infer<typeof FileNode>;
export const FileEdit = z.strictObject({
  n: z.int().describe("the version that it made"),
  node: TreeNodeName,
  what: z.enum(["leaf", "output"]),
  text: z.string(),
  before: z.string(),
  redo: TreeRedo,
  by: z.string().nullable(),
  at: z.iso.datetime(),
});
export const FileJudgment = TreeJudgment.omit({ n: true }).extend({ asked: z.string() });
export const TreeFile = z.strictObject({
  kind: z.literal("tiller-tree"),
  fileVersion: z.literal(1),
  name: z.string().min(1).max(200),
  text: z.string().min(1),
  settings: TreeSettings,
  policy: z.string().nullable().describe("what outputs are addressed by; null: nothing was grown"),
  stoodFor: z.string().nullable().describe("the checkpoint that the model's name stood for"),
  version: z.int().min(1),
  redo: TreeRedo,
  state: z.enum(["growing", "whole", "stopped"]),
  why: z.string(),
  nodes: z.array(FileNode).min(1),
  entries: z.array(FileEntry).describe("in the order that they came"),
  edits: z.array(FileEdit),
  judgments: z.array(FileJudgment).describe("in the order that they came"),
});
export type TreeFile = z.infer<typeof TreeFile>;

const bad = (what: string) =>
  new TillerError(
    "bad_tree",
    `the file is no whole tree: ${what}. Take it as it was exported, or correct what made it.`,
  );
const placed = (id: string): { height: number; index: number } => {
  const [height, index] = id.split(".").map(Number);
  return { height: height!, index: index! };
};

/** The tree that a file has, as far as it stands; refuses one whose parts do not fit together. */
export function treeOf(file: TreeFile): { plan: Plan; outputs: Map<string, Output> } {
  const { text, settings, entries } = file;
  const byId = new Map(file.nodes.map((n) => [n.id, n]));
  if (byId.size < file.nodes.length) throw bad("two of its nodes have one name");
  const nodes = file.nodes.map(({ id, parent, children, span, cap }): PlanNode => {
    const { height, index } = placed(id);
    if (index > 0 && !byId.has(`${height}.${index - 1}`))
      throw bad(`there is a node ${id} and no ${height}.${index - 1}`);
    if ((height === 0) !== (span !== null) || (height === 0) !== (children.length === 0))
      throw bad(`${id} has to have ${height === 0 ? "a place in the text" : "nodes below it"}`);
    for (const c of children)
      if (byId.get(c)?.parent !== id || placed(c).height !== height - 1)
        throw bad(`${id} is made from ${c}, which is no node below it`);
    const above = parent === null ? undefined : byId.get(parent);
    if (parent !== null && !above?.children.includes(id))
      throw bad(`${id} is below ${parent}, which does not name it`);
    return {
      id,
      height,
      index,
      children,
      cap,
      ...(parent === null ? {} : { parent }),
      ...(span ? { span } : {}),
    };
  });
  const roots = file.nodes.filter((n) => n.parent === null);
  if (roots.length !== 1) throw bad(`it has ${roots.length} roots`);
  const plan = planAgain(text, settings, nodes);
  let end = 0;
  for (const { id, span } of plan.levels[0]!) {
    if (span!.from !== end || span!.to < end)
      throw bad(`${id} begins at ${span!.from}, and what stands before it ends at ${end}`);
    end = span!.to;
  }
  if (end !== text.length)
    throw bad(`its text goes on to ${text.length}, and its leaves to ${end}`);
  const outputs = new Map<string, Output>();
  for (const { id } of plan.levels.flat()) {
    const { entry: n, standing, key, used } = byId.get(id)!;
    if (n === null || standing === null || standing === "invalid") continue;
    const entry = entries[n - 1];
    if (!entry || key === null) throw bad(`nothing stands in ${id}, which is ${standing}`);
    outputs.set(id, { entry, hash: hashOf(entry.text), standing, key, used });
  }
  for (const [id, { entry }] of outputs) {
    const node = plan.nodes.get(id)!;
    const missing = node.children.find((c) => !outputs.has(c));
    if (missing !== undefined) throw bad(`${id} stands, and ${missing} below it does not`);
    const parts = node.span
      ? [hashOf(text.slice(node.span.from, node.span.to))]
      : node.children.map((c) => outputs.get(c)!.hash);
    if (inputOf(plan, node, parts) !== entry.input)
      throw bad(`what stands in ${id} was made from something else than the file has below it`);
  }
  return { plan, outputs };
}

/** The file of a tree that was just grown from entries: nothing was edited or judged so far. */
export function grownFile(o: {
  readonly name: string;
  readonly settings: TreeSettings;
  readonly policy: string;
  readonly plan: Plan;
  readonly outputs: ReadonlyMap<string, Output>;
  readonly entries: readonly Entry[];
  /** what an entry is known by, with its number from 1 */
  readonly from: string;
  readonly people: boolean;
  readonly at: string;
}): TreeFile {
  const { plan, outputs, entries, people, at } = o;
  const number = new Map(entries.map((e, i) => [e, i + 1]));
  const open = plan.nodes.size - outputs.size;
  return {
    kind: "tiller-tree",
    fileVersion: 1,
    name: o.name.slice(0, 200),
    text: plan.text,
    settings: o.settings,
    policy: o.policy,
    stoodFor: null,
    version: 1,
    redo: "path",
    state: open === 0 ? "whole" : "stopped",
    why: open === 0 ? "" : `it was imported, and ${open} of its summaries are not written`,
    nodes: plan.levels.flat().map((n) => {
      const output = outputs.get(n.id);
      return {
        id: n.id,
        parent: n.parent ?? null,
        children: [...n.children],
        span: n.span ? { ...n.span } : null,
        cap: n.cap,
        people,
        entry: output ? number.get(output.entry)! : null,
        key: output?.key ?? null,
        used: output?.used ?? 0,
        standing: output?.standing ?? null,
        trouble: null,
      };
    }),
    entries: entries.map((e, i) => ({
      ...e,
      asked: `${o.from} ${i + 1}`,
      answer: null,
      read: null,
      at,
    })),
    edits: [],
    judgments: [],
  };
}
