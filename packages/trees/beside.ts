/** A tree that a later policy grows beside an older one, over the same text and plan; and of each changed node, what was said that changed it. */
import { z } from "zod";
import { sentencesOf } from "@tiller/book";
import { TillerError } from "@tiller/schema";
import { type Db, sql } from "@tiller/store";
import { createTree, headOf, readStanding } from "./rows.ts";

/** The same text, plan and seed, written by `model` alone. Once: the same id again is the same tree. */
export async function createBeside(
  db: Db,
  o: { readonly id: string; readonly beside: string; readonly model: string },
): Promise<void> {
  const { name, text, settings } = await headOf(db, o.beside);
  const people = { share: 0, heights: [], nodes: [] };
  const again = { ...settings, model: o.model, people, budgets: [] };
  await createTree(db, { id: o.id, name: `${name}, anew`, text, settings: again });
  await db.run(sql`update tree set beside = ${o.beside} where id = ${o.id}`);
}

/** A judgment that taught the reward. */
interface Taught {
  readonly node: string;
  readonly height: number;
  readonly n: number;
}
export interface Because {
  readonly tree: string;
  readonly beside: string;
  readonly node: string;
  readonly height: number;
  readonly old: string;
  readonly new: string;
  /** sentences that did not stand in the old one */
  readonly sentences: readonly string[];
  /** whether the judgments are of this node, or of its height */
  readonly how: "node" | "height";
  /** numbers of the older tree's judgments */
  readonly judgments: readonly number[];
}

const sentences = (text: string) => sentencesOf(text).map((s) => text.slice(s.from, s.to));

/** Of one node: the judgments that changed it. Undefined where it did not change. */
export function becauseOf(
  o: Pick<Because, "tree" | "beside" | "node" | "height" | "old" | "new">,
  taught: readonly Taught[],
): Because | undefined {
  if (o.old === o.new) return undefined;
  const before = new Set(sentences(o.old));
  const changed = sentences(o.new).filter((s) => !before.has(s));
  const numbers = (of: readonly Taught[]) => [...new Set(of.map((t) => t.n))];
  const own = numbers(taught.filter((t) => t.node === o.node));
  const judgments = own.length > 0 ? own : numbers(taught.filter((t) => t.height === o.height));
  return { ...o, sentences: changed, how: own.length > 0 ? "node" : "height", judgments };
}

/** Of all nodes that stand in both trees; kept in the database. */
export async function writeBecause(
  db: Db,
  tree: string,
  taught: readonly Taught[],
): Promise<Because[]> {
  const { beside } = await besideOf(db, tree);
  const [now, before] = [await readStanding(db, tree), await readStanding(db, beside)];
  const rows = [...now.outputs].flatMap(([node, { entry }]): Because[] => {
    const old = before.outputs.get(node);
    if (!old) return [];
    const { height } = now.plan.nodes.get(node)!;
    const texts = { old: old.entry.text, new: entry.text };
    const because = becauseOf({ tree, beside, node, height, ...texts }, taught);
    return because ? [because] : [];
  });
  await db.run(
    sql`insert into tree_because (tree, node, how, judgments)
        select ${tree}, x.node, x.how, x.judgments
        from json_to_recordset(${JSON.stringify(rows)}::json) as x(node text, how text, judgments json)
        on conflict (tree, node) do nothing`,
  );
  return rows;
}

const Changed = z.object({
  node: z.string(),
  how: z.enum(["node", "height"]),
  judgments: z.array(z.int()),
});
/** The tree that this one stands beside, and why its nodes differ. */
export async function besideOf(
  db: Db,
  tree: string,
): Promise<{ beside: string; because: z.infer<typeof Changed>[] }> {
  const beside = await db.value(
    sql`select beside from tree where id = ${tree}`,
    z.string().nullable(),
  );
  if (beside === null)
    throw new TillerError(
      "not_beside",
      `the tree ${tree} was not grown beside another. Name one that recipes/book-loop.ts made.`,
    );
  const because = await db.many(
    sql`select node, how, judgments from tree_because where tree = ${tree} order by node`,
    Changed,
  );
  return { beside, because };
}
