/** Trees as pages and commands show them: lists, how far one is, where its nodes stand. */
import { z } from "zod";
import { bestSoFar } from "@tiller/book";
import { type TreeDetail, TreeInList, TreeNode } from "@tiller/schema";
import { type Db, sql } from "@tiller/store";
import { forecastNodes } from "./forecast.ts";
import { takeLate } from "./late.ts";
import { readStanding } from "./rows.ts";

const heads = sql`select t.id as tree, t.name, t.state, t.why, t.version, t.experiment, t.made_at as "madeAt", t.about,
    count(n.node)::int as nodes, (count(*) filter (where n.standing <> 'invalid'))::int as written
  from tree t join tree_node n on n.tree = t.id`;
const LISTED = 500;

/** Those that answer a question about another are listed with it. */
export const listTrees = (db: Db): Promise<TreeInList[]> =>
  db.many(
    sql`${heads} where t.about is null group by t.id order by t.made_at desc limit ${LISTED}`,
    TreeInList,
  );

const Used = z.object({ tokens: z.number(), money: z.number(), answers: z.int() });
export async function treeDetail(db: Db, id: string): Promise<TreeDetail> {
  await takeLate(db, id);
  const { plan, outputs, head: tree } = await readStanding(db, id); // refuses one that is not there
  const head = await db.one(sql`${heads} where t.id = ${id} group by t.id`, TreeInList);
  const used = await db.one(
    sql`select coalesce(sum(prompt_tokens + tokens) filter (where author_kind = 'policy'), 0)::float8 as tokens,
          coalesce(sum(cost), 0) as money, (count(*) filter (where author_kind = 'person'))::int as answers
        from tree_entry where tree = ${id}`,
    Used,
  );
  const lacking = plan.levels.flat().filter((n) => !outputs.has(n.id));
  return {
    ...head,
    settings: tree.settings,
    caps: plan.levels.map((l) => l[0]!.cap),
    used,
    left: forecastNodes(plan, lacking, tree.settings),
    lacks: lacking.map((n) => n.id),
    best: bestSoFar(plan, outputs).map((n) => n.id),
  };
}

/** By height and from left to right; `after`: those alone that changed since. */
export async function treeNodes(
  db: Db,
  id: string,
  after: number,
): Promise<{ nodes: TreeNode[]; seq: number }> {
  const nodes = await db.many(
    sql`select n.node, n.parent, n.starts, n.ends, n.cap, n.people, n.standing, n.trouble, e.text, e.at,
          case when e.n is null then null else json_build_object('kind', e.author_kind, 'name', e.author) end as author,
          (select count(*) from tree_entry v where v.tree = n.tree and v.node = n.node)::int as versions, n.seq
        from tree_node n left join tree_entry e on e.tree = n.tree and e.n = n.entry
        where n.tree = ${id} and n.seq > ${after} order by n.height, n.place`,
    TreeNode,
  );
  return { nodes, seq: nodes.reduce((most, n) => Math.max(most, n.seq), after) };
}
