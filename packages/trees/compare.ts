/**
 * Two trees of one text beside each other, or a tree and itself before an edit. Of the same division, nodes go by their names; where other
 * seeds or windows divide otherwise, by the characters of the book that they stand for.
 */
import { z } from "zod";
import { grow, Log, type Output, type Plan } from "@tiller/book";
import { editLeaf, type PlanNode } from "@tiller/book/plan.ts";
import { own, TaughtBy, TillerError, type TreeComparison, TreesBeside } from "@tiller/schema";
import { type Db, sql } from "@tiller/store";
import { coveredBy } from "./judging.ts";
import { judgedOf } from "./node-page.ts";
import { count, policyOf } from "./plan.ts";
import { editor, type Kept, readStanding, treeAgents } from "./rows.ts";

export interface Side {
  readonly plan: Plan;
  readonly outputs: ReadonlyMap<string, Pick<Output, "entry">>;
  /** judgments by node */
  readonly said: Readonly<Record<string, number>>;
}
type Row = Omit<TreeComparison["rows"][number], "taughtBy">;
type Aligned = Pick<TreeComparison, "aligned" | "counts"> & { readonly rows: Row[] };

/** What of two trees is the same, node by node. */
export function alignTrees(here: Side, there: Side): Aligned {
  const byName = sameDivision(here.plan, there.plan);
  if (!byName && here.plan.text !== there.plan.text)
    throw new TillerError(
      "other_text",
      `these trees are of different texts (${here.plan.text.length} and ${there.plan.text.length} characters), divided differently: nothing says which parts belong together. Compare trees of one text.`,
    );
  const placed = placesOf(there.plan);
  const counts = { same: 0, changed: 0, onlyHere: 0, onlyThere: 0 };
  const met = new Set<string>();
  const rowOf = (node: PlanNode): Row => {
    const pair = byName ? there.plan.nodes.get(node.id) : placed.exact(here.plan, node);
    const row = { height: node.height, leaf: node.span !== undefined, here: shown(here, node) };
    if (!pair) {
      counts.onlyHere++;
      const over = placed.over(here.plan, node).map((n) => shown(there, n));
      return { ...row, how: "covers", there: over };
    }
    met.add(pair.id);
    const other = shown(there, pair);
    const how = row.here.text === other.text ? "same" : "changed";
    counts[how]++;
    return { ...row, how, there: [other] };
  };
  const rows: Row[] = [];
  const visit = (node: PlanNode) => {
    rows.push(rowOf(node));
    for (const c of node.children) visit(here.plan.nodes.get(c)!);
  };
  visit(here.plan.root);
  counts.onlyThere = there.plan.nodes.size - met.size;
  return { aligned: byName ? "names" : "places", counts, rows };
}
function shown({ outputs, said }: Side, { id: node }: PlanNode): Row["here"] {
  const entry = outputs.get(node)?.entry;
  return {
    node,
    text: entry?.text ?? null,
    by: entry?.author.name ?? null,
    said: own(said, node) ?? 0,
  };
}

const ALIKE = 0.5; // of the passages: fewer are another book that happens to be as long
/** The same nodes over the same parts, but for passages that were edited. */
function sameDivision(a: Plan, b: Plan): boolean {
  if (a.nodes.size !== b.nodes.size) return false;
  for (const n of a.nodes.values()) {
    const children = b.nodes.get(n.id)?.children;
    if (children === undefined || n.children.join() !== children.join()) return false;
  }
  const words = (plan: Plan, n: PlanNode) => plan.text.slice(n.span!.from, n.span!.to);
  const leaves = a.levels[0]!;
  const alike = leaves.filter((n, i) => words(a, n) === words(b, b.levels[0]![i]!));
  const exact = a.text === b.text;
  return exact ? alike.length === leaves.length : alike.length >= ALIKE * leaves.length;
}

/** The nodes of a plan by the characters that they stand for. The two roots stand for the same, whatever their heights. */
function placesOf(plan: Plan) {
  const top = plan.root.height;
  const spans = plan.levels.map((level) => level.map((n) => ({ n, ...coveredBy(plan, n) })));
  const levelOf = (of: Plan, node: PlanNode) =>
    spans[node === of.root ? top : Math.min(node.height, top)]!;
  return {
    exact: (of: Plan, node: PlanNode): PlanNode | undefined => {
      const { from, to } = coveredBy(of, node);
      return levelOf(of, node).find((s) => s.from === from && s.to === to)?.n;
    },
    over: (of: Plan, node: PlanNode): PlanNode[] => {
      const { from, to } = coveredBy(of, node);
      return levelOf(of, node).flatMap((s) => (s.from < to && s.to > from ? [s.n] : []));
    },
  };
}

export async function compareTrees(
  db: Db,
  id: string,
  o: { with: string; before?: number | undefined },
): Promise<TreeComparison> {
  if (id === o.with && o.before === undefined)
    throw new TillerError(
      "same_tree",
      `${id} is the same as itself. Name another tree, or one of its edits: ?with=${id}&before=2.`,
    );
  const [here, there] = [await sideOf(db, id), await sideOf(db, o.with, o.before)];
  const { rows, ...aligned } = alignTrees(here, there);
  const taught =
    o.before === undefined ? await taughtBetween(db, id, o.with) : new Map<string, TaughtBy>();
  return {
    sides: [here.about, there.about],
    ...aligned,
    rows: rows.map((r) => ({
      ...r,
      taughtBy: r.how === "changed" ? (taught.get(r.here.node) ?? null) : null,
    })),
  };
}
const Taught = z.object({ node: z.string(), by: TaughtBy });
/** By node, where one of two trees was grown beside the other. */
async function taughtBetween(db: Db, a: string, b: string): Promise<Map<string, TaughtBy>> {
  const rows = await db.many(
    sql`select c.node, json_build_object('tree', t.beside, 'how', c.how, 'judgments', json_array_length(c.judgments),
            'nodes', (select coalesce(json_agg(x.node), '[]') from (
              select j.node from tree_judgment j where j.tree = t.beside
                and j.n in (select v::bigint from json_array_elements_text(c.judgments) v) group by j.node order by min(j.n) limit 20) x)) as by
        from tree t join tree_because c on c.tree = t.id
        where (t.id, t.beside) in ((${a}, ${b}), (${b}, ${a}))`,
    Taught,
  );
  return new Map(rows.map((r) => [r.node, r.by]));
}
const About = z.object({
  tree: z.string(),
  name: z.string(),
  version: z.int(),
  madeAt: z.iso.datetime(),
});
async function sideOf(
  db: Db,
  id: string,
  before?: number,
): Promise<Side & { about: TreeComparison["sides"][0] }> {
  const { head, plan, entries, outputs } = await readStanding(db, id);
  const { seed, model } = head.settings;
  const row = await db.one(
    sql`select id as tree, name, version, made_at as "madeAt" from tree where id = ${id}`,
    About,
  );
  const said = await judgedOf(db, id);
  const policy = model === undefined ? null : policyOf(head);
  const about = { ...row, seed, policy };
  if (before === undefined) return { about, plan, outputs, said };
  const old = await standingBefore(db, id, {
    plan,
    entries,
    before,
    policy: policyOf(head),
  });
  return { about: { ...about, version: before - 1 }, ...old, said };
}

const Edit = z.object({ n: z.int(), node: z.string(), what: z.string(), before: z.string() });
/** A tree as it stood before one of its edits: its leaves as they were, and what had been written until then. */
async function standingBefore(
  db: Db,
  tree: string,
  o: { plan: Plan; entries: readonly Kept[]; before: number; policy: string },
): Promise<Pick<Side, "plan" | "outputs">> {
  const edits = await db.many(
    sql`select n, node, what, before from tree_edit where tree = ${tree} and n >= ${o.before} order by n desc`,
    Edit,
  );
  if (edits.at(-1)?.n !== o.before)
    throw new TillerError(
      "not_found",
      `${tree} has no edit that made version ${o.before}. Look at its edits: /api/trees/${tree}/beside.`,
    );
  const then = new Set(
    (
      await db.many(
        sql`select e.n from tree_entry e, tree_edit d where d.tree = ${tree} and d.n = ${o.before} and e.tree = d.tree and e.at < d.at`,
        z.object({ n: z.int() }),
      )
    ).map((e) => e.n),
  );
  const plan = edits.reduce(
    (p, e) => (e.what === "leaf" ? editLeaf(p, e.node, e.before, count) : p),
    o.plan,
  );
  const log = new Log(o.entries.filter((e) => then.has(e.n)));
  const { outputs } = await grow(plan, { log, count, policy: o.policy });
  return { plan, outputs };
}

/** By the text as it is now, and by name: an edit changes the one and not the other. */
export async function treesBeside(db: Db, id: string): Promise<z.infer<typeof TreesBeside>> {
  await treeAgents(db, id); // refuses one that is not there
  const trees = await db.many(
    sql`select o.id as tree, o.name, (o.settings->>'seed')::int as seed, o.made_at as "madeAt"
        from tree t join tree o on o.id <> t.id and (o.text = t.text or o.name = t.name)
        where t.id = ${id} and o.about is null order by o.made_at desc limit 100`,
    TreesBeside.shape.trees.element,
  );
  const edits = await db.many(
    sql`select e.n, e.what, ${editor} as by, e.at, e.node
        from tree_edit e left join person p on p.id = e.by where e.tree = ${id} order by e.n desc limit 100`,
    TreesBeside.shape.edits.element,
  );
  return { trees, edits };
}
