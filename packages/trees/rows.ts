/** A tree in the database: its plan, where each node stands, and everything that was ever given for a node. */
import { z } from "zod";
import { type Ask, Entry, hashOf, Log, type Output, type Plan } from "@tiller/book";
import { makerOf } from "@tiller/book/keys.ts";
import type { PlanNode } from "@tiller/book/plan.ts";
import { askOf } from "@tiller/book/tree.ts";
import {
  Agents,
  requireStorable,
  TillerError,
  TreeRedo,
  TreeSettings,
  TreeStanding,
} from "@tiller/schema";
import { type Db, sql } from "@tiller/store";
import {
  checkNames,
  count,
  newPlan,
  planAgain,
  policyName,
  policyOf,
  writtenByPeople,
} from "./plan.ts";

const noTree = (id: string) =>
  new TillerError("not_found", `there is no tree ${id}. Look at the list: tiller book list.`);

const Head = z.object({
  name: z.string(),
  settings: TreeSettings,
  text: z.string(),
  version: z.int(),
  redo: TreeRedo,
  policy: z.string().nullable(),
  stoodFor: z.string().nullable(),
  why: z.string(),
  state: z.enum(["growing", "whole", "stopped"]),
  stop: z.boolean(),
  experiment: z.string(),
  question: z.string().nullable(),
});
type Head = z.infer<typeof Head>;
const NodeRow = z.object({
  node: z.string(),
  height: z.int(),
  place: z.int(),
  parent: z.string().nullable(),
  children: z.array(z.string()),
  starts: z.int().nullable(),
  ends: z.int().nullable(),
  cap: z.int(),
});
const entryColumns = sql`e.n, e.node, e.input, e.context, e.maker, e.saw,
  json_build_object('kind', e.author_kind, 'name', e.author) as author, e.text,
  e.prompt_tokens as "promptTokens", e.tokens, e.seconds, e.cost`;
const Kept = Entry.extend({ n: z.int() });
/** An entry with its number in the tree. */
export type Kept = z.infer<typeof Kept>;

/** Once: the same id again is the same tree. */
export async function createTree(
  db: Db,
  o: {
    id: string;
    name: string;
    text: string;
    settings: TreeSettings;
    by?: string | undefined;
    agents?: unknown;
    /** a question that is asked of another tree's text */
    about?: { readonly tree: string; readonly question: string };
  },
): Promise<Plan> {
  requireStorable(o.text, "the book");
  const plan = newPlan(o.text, o.settings);
  checkNames(plan, o.settings);
  const hash = hashOf("text", o.text);
  await db.transaction(async (tx) => {
    await keepText(tx, hash, o.text);
    const made = await tx.run(
      sql`insert into tree (id, name, settings, text, made_by, agents, about, question)
          values (${o.id}, ${o.name}, ${JSON.stringify(o.settings)}, ${hash}, ${o.by ?? null}, ${JSON.stringify(o.agents ?? {})}, ${o.about?.tree ?? null}, ${o.about?.question ?? null}) on conflict do nothing`,
    );
    if (!made) return;
    const rows = plan.levels.flat().map((n) => ({
      node: n.id,
      height: n.height,
      place: n.index,
      parent: n.parent ?? null,
      children: n.children,
      starts: n.span?.from ?? null,
      ends: n.span?.to ?? null,
      cap: n.cap,
      people: writtenByPeople(o.settings, n),
    }));
    await tx.run(
      sql`insert into tree_node (tree, node, height, place, parent, children, starts, ends, cap, people)
          select ${o.id}, x.node, x.height, x.place, x.parent, x.children, x.starts, x.ends, x.cap, x.people
          from json_to_recordset(${JSON.stringify(rows)}::json)
            as x(node text, height int, place int, parent text, children text[], starts int, ends int, cap int, people boolean)`,
    );
  });
  return plan;
}

export const keepText = (db: Db, hash: string, body: string): Promise<number> =>
  db.run(sql`insert into tree_text (hash, body) values (${hash}, ${body}) on conflict do nothing`);

export async function headOf(db: Db, id: string, o: { lock?: boolean } = {}): Promise<Head> {
  const head = await db.maybe(
    sql`select t.name, t.settings, x.body as text, t.version, t.redo, t.policy, t.stood_for as "stoodFor", t.why, t.state, t.stop, t.experiment, t.question
        from tree t join tree_text x on x.hash = t.text where t.id = ${id} ${o.lock ? sql`for update of t` : sql``}`,
    Head,
  );
  if (!head) throw noTree(id);
  return head;
}
/** What its runs are started with. */
export async function treeAgents(db: Db, id: string): Promise<{ name: string; agents: Agents }> {
  const found = await db.maybe(
    sql`select name, agents from tree where id = ${id}`,
    z.object({ name: z.string(), agents: Agents }),
  );
  if (!found) throw noTree(id);
  return found;
}
async function nodesOf(db: Db, id: string): Promise<PlanNode[]> {
  const rows = await db.many(
    sql`select node, height, place, parent, children, starts, ends, cap from tree_node where tree = ${id} order by height, place`,
    NodeRow,
  );
  return rows.map((r) => ({
    id: r.node,
    height: r.height,
    index: r.place,
    children: r.children,
    cap: r.cap,
    ...(r.parent === null ? {} : { parent: r.parent }),
    ...(r.starts === null || r.ends === null ? {} : { span: { from: r.starts, to: r.ends } }),
  }));
}
const entriesOf = (db: Db, id: string): Promise<Kept[]> =>
  db.many(sql`select ${entryColumns} from tree_entry e where e.tree = ${id} order by e.n`, Kept);

/** All that a tree is grown from, as JSON: a step's result. */
export interface TreeNow extends Pick<
  Head,
  "settings" | "text" | "version" | "redo" | "policy" | "stop"
> {
  readonly nodes: readonly PlanNode[];
  readonly entries: readonly Kept[];
}
/** `lock`: nobody edits it until the transaction ends. */
export async function readTree(db: Db, id: string, o: { lock?: boolean } = {}): Promise<TreeNow> {
  const { settings, text, version, redo, policy, stop } = await headOf(db, id, o);
  const [nodes, entries] = [await nodesOf(db, id), await entriesOf(db, id)];
  return { settings, text, version, redo, policy, stop, nodes, entries };
}

/**
 * What the tree's outputs are addressed by from now, kept with it: `standsFor` is what its model's name stands for. A tree that was
 * grown before this was kept has the name alone, and keeps it until the name stands for something else.
 */
export async function settlePolicy(
  db: Db,
  id: string,
  standsFor: (model: string) => Promise<string>,
): Promise<void> {
  const { settings } = await headOf(db, id);
  const { model } = settings;
  // a model that nothing answers for: each node says so when it is asked
  const stands = model === undefined ? "" : await standsFor(model).catch(() => undefined);
  if (stands === undefined) return;
  const named = policyName(settings, stands || undefined);
  const now = stands;
  await db.run(
    sql`update tree set stood_for = ${now},
          policy = case when policy is not null and coalesce(stood_for, ${now}) = ${now} then policy else ${named} end
        where id = ${id} and (policy is null or stood_for is distinct from ${now})`,
  );
}

/** Whoever made an edit `e`, joined with person `p`: who has no account here is known by name alone. */
export const editor = sql`coalesce(p.pseudonym, e.by_name)`;
const Stands = z.object({
  node: z.string(),
  n: z.int(),
  key: z.string(),
  used: z.int(),
  standing: TreeStanding,
});
export interface Standing {
  readonly head: Head;
  readonly plan: Plan;
  readonly entries: readonly Kept[];
  readonly outputs: ReadonlyMap<string, Output>;
}
/** What a node reads now, and the address of whatever is said or written of that. All that it reads has to be written (`missingFor`). */
export function asker({ head, plan, entries, outputs }: Standing): (node: PlanNode) => Ask {
  const o = { log: new Log(entries), maker: makerOf(plan, policyOf(head)), count };
  return (node) => askOf(plan, node, outputs, o);
}

/** A tree as it stands, without counting a token: what is invalid is left out. */
export async function readStanding(
  db: Db,
  id: string,
  o: { lock?: boolean } = {},
): Promise<Standing> {
  const head = await headOf(db, id, o);
  const [nodes, entries] = [await nodesOf(db, id), await entriesOf(db, id)];
  const plan = planAgain(head.text, head.settings, nodes);
  const byNumber = new Map(entries.map((e) => [e.n, e]));
  const rows = await db.many(
    sql`select node, entry as n, key, used, standing from tree_node
        where tree = ${id} and entry is not null and key is not null and standing is not null order by height, place`,
    Stands,
  );
  const outputs = new Map<string, Output>();
  for (const { node, n, key, used, standing } of rows) {
    const entry = byNumber.get(n);
    if (entry && standing !== "invalid")
      outputs.set(node, { entry, hash: hashOf(entry.text), standing, key, used });
  }
  return { head, plan, entries, outputs };
}

/** Keeps an entry, once by what gave it; its number. */
export async function writeEntry(
  db: Db,
  tree: string,
  asked: string,
  e: Entry,
  o: { answer?: string | null; read?: unknown } = {},
): Promise<number> {
  const number = z.object({ n: z.int() });
  const made = await db.maybe(
    sql`insert into tree_entry (tree, asked, node, input, context, maker, saw, author_kind, author, text, prompt_tokens, tokens, seconds, cost, answer, read)
        values (${tree}, ${asked}, ${e.node}, ${e.input}, ${e.context}, ${e.maker}, ${e.saw}, ${e.author.kind}, ${e.author.name}, ${e.text},
          ${e.promptTokens}, ${e.tokens}, ${e.seconds}, ${e.cost}, ${o.answer ?? null}, ${o.read === undefined ? null : JSON.stringify(o.read)})
        on conflict (tree, asked) do nothing returning n`,
    number,
  );
  return (
    made ??
    (await db.one(sql`select n from tree_entry where tree = ${tree} and asked = ${asked}`, number))
  ).n;
}

/** Where a node stands, as its row has it. */
export interface Mark {
  readonly node: string;
  readonly n: number;
  readonly key: string;
  readonly used: number;
  readonly standing: Output["standing"];
}
/** Writes where nodes stand, unless the tree has been edited since. `only`: all others are invalid. */
export async function writeMarks(
  db: Db,
  tree: string,
  o: { readonly version: number; readonly marks: readonly Mark[]; readonly only?: boolean },
): Promise<void> {
  const last = [...new Map(o.marks.map((m) => [m.node, m])).values()];
  if (last.length === 0 && !o.only) return;
  await db.transaction(async (tx) => {
    const same = await tx.value(
      sql`select version = ${o.version} from tree where id = ${tree} for share`,
      z.boolean(),
    );
    if (!same) return;
    await tx.run(
      sql`update tree_node t set entry = x.n, key = x.key, used = x.used, standing = x.standing, trouble = null, seq = nextval('tree_seq')
          from json_to_recordset(${JSON.stringify(last)}::json) as x(node text, n bigint, key text, used int, standing text)
          where t.tree = ${tree} and t.node = x.node and (t.entry, t.key, t.used, t.standing) is distinct from (x.n, x.key, x.used, x.standing)`,
    );
    if (o.only)
      await tx.run(
        sql`update tree_node set standing = 'invalid', trouble = null, seq = nextval('tree_seq')
            where tree = ${tree} and standing <> 'invalid' and not (node = any(${last.map((m) => m.node)}))`,
      );
  });
}
export const writeTrouble = (db: Db, tree: string, node: string, why: string): Promise<number> =>
  db.run(
    sql`update tree_node set trouble = ${why.slice(0, 2000)}, seq = nextval('tree_seq') where tree = ${tree} and node = ${node}`,
  );

/** Says that a tree ended at this version; false: it was edited or stopped meanwhile. */
export const endTree = async (
  db: Db,
  tree: string,
  o: { version: number; state: "whole" | "stopped"; why: string; stop: boolean },
): Promise<boolean> =>
  (await db.run(
    sql`update tree set state = ${o.state}, why = ${o.why}, stop = false, ended = experiment, changed_at = now()
        where id = ${tree} and version = ${o.version} and stop = ${o.stop}`,
  )) > 0 ||
  // before a crash
  db.value(
    sql`select version = ${o.version} and state = ${o.state} from tree where id = ${tree}`,
    z.boolean(),
  );
