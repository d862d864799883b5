/** Edits of a tree: what one would do, said before; and the edit, which makes a new version that a run then grows. */
import { z } from "zod";
import { hashOf, type Plan } from "@tiller/book";
import { editLeaf, type PlanNode } from "@tiller/book/plan.ts";
import { entryOf } from "@tiller/book/tree.ts";
import { whatIf } from "@tiller/book/what-if.ts";
import { TillerError, type TreeEdit, type TreeEffect, type TreeRedo } from "@tiller/schema";
import { type Db, sql } from "@tiller/store";
import { forecastNodes } from "./forecast.ts";
import { count, missingFor } from "./plan.ts";
import { asker, headOf, keepText, readStanding, type Standing, writeEntry } from "./rows.ts";

export function nodeNamed(plan: Plan, name: string): PlanNode {
  const node = plan.nodes.get(name);
  if (node) return node;
  throw new TillerError(
    "no_node",
    `there is no node ${name}: they are 0.0 to ${plan.root.id}. Name one of them.`,
  );
}

export async function previewEdit(db: Db, tree: string, edit: TreeEdit): Promise<TreeEffect> {
  const { head, plan, outputs } = await readStanding(db, tree);
  checked(plan, edit);
  const { node } = edit;
  const about = edit.what === "leaf" ? { leaf: node } : { output: node };
  const said = whatIf(plan, outputs, about, { price: head.settings.price });
  const choice = (redo: TreeRedo) => {
    const { redone, drifted, people } = said[redo];
    const nodes = redone.map((n) => plan.nodes.get(n)!);
    const takes = forecastNodes(plan, nodes, head.settings);
    return { ...takes, redone: [...redone], drifts: [...drifted], asked: [...people] };
  };
  return { path: choice("path"), drifted: choice("drifted"), all: choice("all") };
}

/** The plan with the edit, and whatever is wrong with it as an error. */
function checked(plan: Plan, { node: name, what, text }: TreeEdit): Plan {
  const node = nodeNamed(plan, name);
  if (what === "leaf" && text.trim() === "")
    throw new TillerError(
      "empty_passage",
      `passage ${name} would have no words, and somebody would be asked to summarise nothing. Leave a word in it, or edit its summary to "".`,
    );
  if (what === "leaf") return editLeaf(plan, name, text, count);
  const tokens = count(text.trim());
  if (tokens <= node.cap) return plan;
  throw new TillerError(
    "long_summary",
    `the new summary of ${name} has ${tokens} tokens, and its height takes ${node.cap}. Shorten it.`,
  );
}

/** Writes the edit, which makes a new version. */
export async function applyEdit(
  db: Db,
  tree: string,
  o: TreeEdit & { redo: TreeRedo; by: { readonly id: string | null; readonly pseudonym: string } },
): Promise<void> {
  await db.transaction(async (tx) => {
    const now = await readStanding(tx, tree, { lock: true });
    const { head, plan, outputs } = now;
    const next = checked(plan, o);
    const node = nodeNamed(plan, o.node);
    const version = head.version + 1;
    let before: string;
    if (o.what === "leaf") {
      before = plan.text.slice(node.span!.from, node.span!.to);
      const hash = hashOf("text", next.text);
      await keepText(tx, hash, next.text);
      const spans = next.levels[0]!.map((n) => ({ node: n.id, ...n.span! }));
      await tx.run(
        sql`update tree_node n set starts = x.from, ends = x.to, seq = nextval('tree_seq')
            from json_to_recordset(${JSON.stringify(spans)}::json) as x(node text, "from" int, "to" int)
            where n.tree = ${tree} and n.node = x.node and (n.starts, n.ends) is distinct from (x.from, x.to)`,
      );
      await tx.run(sql`update tree set text = ${hash} where id = ${tree}`);
    } else {
      before = outputs.get(node.id)?.entry.text ?? "";
      await writeOutput(tx, tree, now, { node, version, text: o.text, by: o.by });
    }
    await tx.run(
      sql`insert into tree_edit (tree, n, node, what, text, before, redo, by, by_name)
          values (${tree}, ${version}, ${o.node}, ${o.what}, ${o.text}, ${before}, ${o.redo}, ${o.by.id}, ${o.by.id === null ? o.by.pseudonym : null})`,
    );
    await anew(tx, tree, o.redo);
  });
}

/** Somebody's summary of a node, addressed by what the node reads now. */
async function writeOutput(
  tx: Db,
  tree: string,
  now: Standing,
  o: {
    readonly node: PlanNode;
    readonly version: number;
    readonly text: string;
    readonly by: { readonly pseudonym: string };
  },
): Promise<void> {
  const { node } = o;
  const missing = missingFor(now.plan, node, now.outputs);
  if (missing !== undefined)
    throw new TillerError(
      "not_yet",
      `${node.id} is ${node.children.includes(missing) ? "made from" : "read after"} ${missing}, which is not written. Wait for it, or edit that one.`,
    );
  const ask = asker(now)(node);
  const text = o.text.trim();
  const tokens = count(text);
  const author = { kind: "person", name: o.by.pseudonym } as const;
  const answer = { text, author, promptTokens: ask.tokens, tokens, seconds: 0, cost: 0 };
  const read = { earlier: ask.earlier, text: ask.text };
  await writeEntry(tx, tree, `edit ${o.version}`, entryOf(ask, answer, count), { read });
}
/** A new version of a tree, and with it work to be done. */
export const anew = async (db: Db, tree: string, redo: TreeRedo): Promise<void> => {
  await db.run(
    sql`update tree set version = version + 1, redo = ${redo}, state = 'growing', why = '', stop = false, changed_at = now() where id = ${tree}`,
  );
};

const Under = z.object({ experiment: z.string(), runs: z.boolean() });
/** The run of a tree, if there is one under way; one that has ended the tree and is about to end itself is not. */
export const runOf = async (db: Db, tree: string): Promise<string | undefined> => {
  const { experiment, runs } = await db.one(
    sql`select t.experiment, coalesce(t.state = 'growing' and t.ended is distinct from t.experiment and e.state in ('running', 'held'), false) as runs
        from tree t left join experiment e on e.id = t.experiment where t.id = ${tree}`,
    Under,
  );
  return runs ? experiment : undefined;
};

/** What is queued is taken back, and the tree stays as it is. */
export async function stopTree(db: Db, tree: string): Promise<void> {
  const { state } = await headOf(db, tree);
  if (state !== "growing" || (await runOf(db, tree)) === undefined)
    throw new TillerError("not_growing", `${tree} does not grow: there is nothing to stop.`);
  await db.run(sql`update tree set stop = true, changed_at = now() where id = ${tree}`);
}
