/** One node of a tree as its page shows it: what it is made from now, all that was written and said of it; and judging it there. */
import { z } from "zod";
import { type Ask, hashOf, type Output, type Plan } from "@tiller/book";
import { keyOf } from "@tiller/book/keys.ts";
import type { PlanNode } from "@tiller/book/plan.ts";
import { treeCheck, treeFeedback } from "@tiller/crowd";
import {
  type JudgedFromPage,
  type JudgeTreeNode,
  TillerError,
  type TreeJudged,
  TreeNodePage,
  type TreeTask,
} from "@tiller/schema";
import { type Db, sql } from "@tiller/store";
import { readAnswer, type TaskDef } from "@tiller/task";
import { whereOf } from "./ask.ts";
import { nodeNamed } from "./edit.ts";
import { coveredBy } from "./judging.ts";
import { judgment, judgmentsOf, writeJudgments } from "./judgments.ts";
import { missingFor } from "./plan.ts";
import { asker, editor, keepText, type Kept, readStanding } from "./rows.ts";

interface Here {
  readonly plan: Plan;
  readonly node: PlanNode;
  readonly output: Output | undefined;
  readonly entries: readonly Kept[];
  /** undefined: something that it reads is not written */
  readonly ask: Ask | undefined;
}
async function nodeNow(db: Db, tree: string, name: string): Promise<Here> {
  const now = await readStanding(db, tree);
  const { plan, entries, outputs } = now;
  const node = nodeNamed(plan, name);
  const ask = missingFor(plan, node, outputs) === undefined ? asker(now)(node) : undefined;
  return { plan, node, output: outputs.get(name), entries, ask };
}

const About = z.object({
  n: z.int(),
  at: z.iso.datetime(),
  edit: z.int().nullable(),
  read: z.string().nullable(),
});
export async function treeNodePage(db: Db, tree: string, name: string): Promise<TreeNodePage> {
  const { output, entries, ask } = await nodeNow(db, tree, name);
  const about = await db.many(
    sql`select n, at, substring(asked from '^edit ([0-9]+)$')::int as edit, read->>'text' as read
        from tree_entry where tree = ${tree} and node = ${name} order by n desc`,
    About,
  );
  const own = new Map(entries.filter((e) => e.node === name).map((e) => [e.n, e]));
  const edits = await db.many(
    sql`select e.n, e.what, e.text, e.before, e.redo, ${editor} as by, e.at
        from tree_edit e left join person p on p.id = e.by where e.tree = ${tree} and e.node = ${name} order by e.n desc`,
    TreeNodePage.shape.edits.element,
  );
  // by the address and by the words that were read: an address says nothing of the input that it was made from
  const inputs = new Map(
    [...own.values()].flatMap((e) => [
      [keyOf(e), e.input],
      [e.saw, e.input],
    ]),
  );
  const said = await judgmentsOf(db, tree, { node: name });
  const same = (input: string | undefined) =>
    ask !== undefined && input === ask.input ? "drifted" : "other";
  return {
    reads: ask ? { saw: ask.saw, earlier: [...ask.earlier], text: ask.text } : null,
    versions: about.map(({ n, ...rest }) => {
      const e = own.get(n)!;
      const stands = output !== undefined && (output.entry as Kept).n === n;
      const made = e.saw === ask?.saw ? "current" : same(e.input);
      return { n, text: e.text, author: e.author, stands, made, ...rest };
    }),
    edits,
    judgments: said.toReversed().map((j) => ({
      ...j,
      read:
        j.saw === ask?.saw ? ("current" as const) : same(inputs.get(j.key) ?? inputs.get(j.saw)),
    })),
  };
}

export async function judgedOf(db: Db, tree: string): Promise<z.infer<typeof TreeJudged>> {
  const Row = z.object({ node: z.string(), n: z.int() });
  const rows = await db.many(
    sql`select node, count(*)::int as n from tree_judgment where tree = ${tree} group by node`,
    Row,
  );
  return Object.fromEntries(rows.map((r) => [r.node, r.n]));
}

const tasks: Readonly<Record<JudgedFromPage, TaskDef<any, any>>> = {
  feedback: treeFeedback,
  check: treeCheck,
};
/** What a node's judge reads: refuses one that cannot be read or has no summary. */
async function judgeable(db: Db, tree: string, name: string, kind: JudgedFromPage) {
  const { plan, node, output, ask } = await nodeNow(db, tree, name);
  if (!ask || !output)
    throw new TillerError(
      "not_yet",
      `${name} cannot be judged: ${output ? "something that it is made from" : "its summary"} is not written, or has changed. Wait for it.`,
    );
  const { from, to } = coveredBy(plan, node);
  const input = {
    where: whereOf(plan, ask),
    earlier: [...ask.earlier],
    text: ask.text,
    summary: output.entry.text,
    ...(kind === "check" && { book: plan.text.slice(from, to).trim() }),
  };
  return { input, ask, n: (output.entry as Kept).n };
}
export async function treeTask(
  db: Db,
  tree: string,
  { node, kind }: { node: string; kind: JudgedFromPage },
): Promise<TreeTask> {
  const { input, ask, n } = await judgeable(db, tree, node, kind);
  const { title, instructions, view } = tasks[kind];
  return { title, instructions, view, input, n, saw: ask.saw };
}

/** Somebody's word from the page, once. What they did not read is refused: the summary or its input may change meanwhile. */
export async function judgeFromPage(
  db: Db,
  tree: string,
  o: JudgeTreeNode & { node: string; by: { id: string; pseudonym: string } },
): Promise<void> {
  const { kind, node, by } = o;
  const { input, ask, n } = await judgeable(db, tree, node, kind);
  if (n !== o.n || ask.saw !== o.saw)
    throw new TillerError(
      "changed",
      `${node} has changed since you opened it: ${n === o.n ? "what it is made from" : "its summary"} is another now. Open it again; what you entered stays until you do.`,
    );
  const read = readAnswer(tasks[kind], input, o.value);
  if ("problems" in read) throw new TillerError("bad_answer", read.problems.join(" "));
  const { key, saw } = ask;
  const said = { value: read.value, by: by.pseudonym, person: by.id, answer: null };
  const asked = `page ${hashOf("page", node, kind, n, saw, by.pseudonym, JSON.stringify(o.value))}`;
  await keepText(db, saw, ask.prompt); // what was read can be found by its hash
  await writeJudgments(db, tree, [
    { asked, ...judgment(kind, { id: node, key, saw }, [input.summary], said) },
  ]);
}
