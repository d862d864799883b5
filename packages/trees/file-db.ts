/** A tree out of the database as a file, and a file as a new tree. */
import { z } from "zod";
import { hashOf } from "@tiller/book";
import { type ImportTree, TillerError } from "@tiller/schema";
import { type Db, sql } from "@tiller/store";
import { fileOf } from "./foreign.ts";
import { foreignOf } from "./foreign-shapes.ts";
import { editor, headOf, keepText } from "./rows.ts";
import { FileEdit, FileEntry, FileJudgment, FileNode, TreeFile, treeOf } from "./tree-file.ts";

export async function exportTree(db: Db, id: string): Promise<TreeFile> {
  return db.transaction(async (tx) => {
    const head = await headOf(tx, id, { lock: true }); // nobody edits it meanwhile
    const { name, text, settings, policy, stoodFor, version, redo, state, why } = head;
    const entries = await tx.many(
      sql`select node, input, context, maker, saw, json_build_object('kind', author_kind, 'name', author) as author, text,
            prompt_tokens as "promptTokens", tokens, seconds, cost, asked, answer, read, at
          from tree_entry where tree = ${id} order by n`,
      FileEntry,
    );
    const nodes = await tx.many(
      sql`select n.node as id, n.parent, n.children, n.cap, n.people, n.key, n.used, n.standing, n.trouble,
            case when n.starts is not null then json_build_object('from', n.starts, 'to', n.ends) end as span, e.place as entry
          from tree_node n left join (select n, (row_number() over (order by n))::int as place from tree_entry where tree = ${id}) e on e.n = n.entry
          where n.tree = ${id} order by n.height, n.place`,
      FileNode,
    );
    const edits = await tx.many(
      sql`select e.n, e.node, e.what, e.text, e.before, e.redo, ${editor} as by, e.at
          from tree_edit e left join person p on p.id = e.by where e.tree = ${id} order by e.n`,
      FileEdit,
    );
    const judgments = await tx.many(
      sql`select asked, kind, node, key, saw, texts, value, json_build_object('kind', author_kind, 'name', author) as author, answer, policies, at
          from tree_judgment where tree = ${id} order by n`,
      FileJudgment,
    );
    return {
      kind: "tiller-tree",
      fileVersion: 1,
      name,
      text,
      settings,
      policy,
      stoodFor,
      version,
      redo,
      state,
      why,
      nodes,
      entries,
      edits,
      judgments,
    };
  });
}

/** A tree that was growing where it came from does not grow here until somebody says so. */
const HALTED = "it was growing where it was exported";

export async function importTree(
  db: Db,
  o: { readonly id: string; readonly file: TreeFile; readonly by?: string | undefined },
): Promise<void> {
  const { id, file } = o;
  treeOf(file); // refuses what does not fit together
  const hash = hashOf("text", file.text);
  const grew = file.state === "growing";
  await db.transaction(async (tx) => {
    await keepText(tx, hash, file.text);
    const made = await tx.run(
      sql`insert into tree (id, name, settings, text, version, redo, state, why, policy, stood_for, made_by)
          values (${id}, ${file.name}, ${JSON.stringify(file.settings)}, ${hash}, ${file.version}, ${file.redo}, ${grew ? "stopped" : file.state},
            ${grew ? HALTED : file.why}, ${file.policy}, ${file.stoodFor}, ${o.by ?? null}) on conflict do nothing`,
    );
    if (!made) throw new TillerError("tree_exists", `there is a tree ${id}. Give another name.`);
    await tx.run(
      sql`insert into tree_entry (tree, asked, node, input, context, maker, saw, author_kind, author, text, prompt_tokens, tokens, seconds, cost, answer, read, at)
          select ${id}, x.asked, x.node, x.input, x.context, x.maker, x.saw, x.author->>'kind', x.author->>'name', x.text, x."promptTokens", x.tokens,
            x.seconds, x.cost, x.answer, nullif(x.read::text, 'null')::json, x.at
          from json_to_recordset(${JSON.stringify(file.entries.map((e, i) => ({ ...e, i })))}::json)
            as x(i int, asked text, node text, input text, context text, maker text, saw text, author json, text text, "promptTokens" int, tokens int,
              seconds float8, cost float8, answer text, read json, at timestamptz)
          order by x.i`,
    );
    const nodes = file.nodes.map((n) => {
      const [height, place] = n.id.split(".").map(Number);
      return { ...n, height, place, starts: n.span?.from ?? null, ends: n.span?.to ?? null };
    });
    await tx.run(
      sql`insert into tree_node (tree, node, height, place, parent, children, starts, ends, cap, people, entry, key, used, standing, trouble)
          select ${id}, x.id, x.height, x.place, x.parent, x.children, x.starts, x.ends, x.cap, x.people, e.n, x.key, x.used, x.standing, x.trouble
          from json_to_recordset(${JSON.stringify(nodes)}::json)
            as x(id text, height int, place int, parent text, children text[], starts int, ends int, cap int, people boolean, entry int, key text, used int, standing text, trouble text)
          left join (select n, row_number() over (order by n) as at from tree_entry where tree = ${id}) e on e.at = x.entry`,
    );
    await tx.run(
      sql`insert into tree_edit (tree, n, node, what, text, before, redo, by_name, at)
          select ${id}, x.n, x.node, x.what, x.text, x.before, x.redo, x.by, x.at
          from json_to_recordset(${JSON.stringify(file.edits)}::json)
            as x(n int, node text, what text, text text, before text, redo text, by text, at timestamptz)`,
    );
    await tx.run(
      sql`insert into tree_judgment (tree, asked, kind, node, key, saw, texts, value, author_kind, author, answer, policies, at)
          select ${id}, x.asked, x.kind, x.node, x.key, x.saw, x.texts, x.value, x.author->>'kind', x.author->>'name', x.answer,
            nullif(x.policies::text, 'null')::json, x.at
          from json_to_recordset(${JSON.stringify(file.judgments.map((j, i) => ({ ...j, i })))}::json)
            as x(i int, asked text, kind text, node text, key text, saw text, texts json, value json, author json, answer text, policies json, at timestamptz)
          order by x.i`,
    );
  });
}

/** What somebody brings, as a tree's file; `notes`: what they should know of it. */
export async function treeFileOf(
  { tree: json, name = "A tree", ...o }: ImportTree,
  at: string,
): Promise<{ file: TreeFile; notes: string[] }> {
  const own = z.looseObject({ kind: z.literal("tiller-tree") }).safeParse(json).success;
  if (!own) return fileOf(foreignOf(json, o), { name, model: o.model, at });
  const file = TreeFile.safeParse(json);
  if (file.success) return { file: file.data, notes: [] };
  throw new TillerError(
    "bad_tree",
    `the file is no whole tree: ${z.prettifyError(file.error).slice(0, 500).replaceAll("\n", " ")}. Take it as it was exported.`,
  );
}
