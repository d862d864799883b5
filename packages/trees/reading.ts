/** Written nodes for a second reader, and what their authors changed as edits of the tree. */
import { z } from "zod";
import { type ExperimentId, PersonId, rng, TreeNodeName } from "@tiller/schema";
import { type Db, sql } from "@tiller/store";
import { mayAnswer, whereOf } from "./ask.ts";
import { applyEdit, previewEdit, runOf } from "./edit.ts";
import { missingFor } from "./plan.ts";
import { asker, type Kept, readStanding } from "./rows.ts";

export const ReadNode = z.strictObject({
  id: TreeNodeName,
  key: z.string(),
  saw: z.string(),
  where: z.string(),
  earlier: z.array(z.string()),
  text: z.string(),
  summary: z.string(),
  cap: z.int(),
  author: PersonId.nullable().describe("who wrote it, and may be asked"),
});
export type ReadNode = z.infer<typeof ReadNode>;

/** Nodes that stand and say something, by chance. */
export async function writtenNodes(
  db: Db,
  tree: string,
  o: { readonly most: number; readonly seed: number },
): Promise<ReadNode[]> {
  const now = await readStanding(db, tree);
  const { plan, outputs } = now;
  const asks = asker(now);
  const people = await db.many(
    sql`select e.n, ${mayAnswer} as author from tree_entry e join answer a on a.id = e.answer left join worker w on w.person = a.person where e.tree = ${tree}`,
    z.object({ n: z.int(), author: PersonId.nullable() }),
  );
  const authors = new Map(people.map((p) => [p.n, p.author]));
  const draw = rng(o.seed, "second reader");
  const free = plan.levels.flat().filter((n) => {
    const output = outputs.get(n.id);
    return (
      output?.standing === "current" &&
      output.entry.text.trim() !== "" &&
      missingFor(plan, n, outputs) === undefined
    );
  });
  const chosen: ReadNode[] = [];
  while (chosen.length < o.most && free.length > 0) {
    const [node] = free.splice(draw.int(free.length), 1);
    const ask = asks(node!);
    const entry = outputs.get(node!.id)!.entry as Kept; // from the log, with its number
    chosen.push({
      id: node!.id,
      key: ask.key,
      saw: ask.saw,
      where: whereOf(plan, ask),
      earlier: [...ask.earlier],
      text: ask.text,
      summary: entry.text,
      cap: node!.cap,
      author: authors.get(entry.n) ?? null,
    });
  }
  return chosen;
}

export const revisions = ["edited", "dear", "moved"] as const;
/**
 * A changed summary as an edit. `dear`: it would make more of the others invalid than was allowed; `moved`: something else stands
 * in the node by now.
 */
export async function reviseNode(
  db: Db,
  tree: string,
  o: {
    readonly node: ReadNode;
    readonly text: string;
    readonly mostAbove: number;
    readonly by: { readonly id: string | null; readonly pseudonym: string };
  },
): Promise<(typeof revisions)[number]> {
  const { node, text } = o;
  return db.transaction(async (tx) => {
    const { outputs } = await readStanding(tx, tree, { lock: true });
    const stands = outputs.get(node.id)?.entry.text;
    if (stands === text) return "edited"; // by this step, before a crash
    if (stands !== node.summary) return "moved";
    const edit = { node: node.id, what: "output", text } as const;
    const { path } = await previewEdit(tx, tree, edit);
    if (path.redone.length > o.mostAbove) return "dear";
    await applyEdit(tx, tree, { ...edit, redo: "path", by: o.by });
    return "edited";
  });
}

/** Whether a tree that was edited has nobody to grow it; then this experiment does. */
export async function takeOver(db: Db, tree: string, experiment: ExperimentId): Promise<boolean> {
  const under = await runOf(db, tree);
  if (under !== undefined && under !== experiment) return false;
  await db.run(sql`update tree set experiment = ${experiment} where id = ${tree}`);
  return true;
}
