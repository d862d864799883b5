/**
 * Asking a book (Wu et al. 2021: trees for a question): a tree over the same text whose nodes answer the question, or else summarise what
 * bears on it. It is grown as any tree is, and its answer leads down to the words as any summary does.
 */
import {
  type NewTreeQuestion,
  TillerError,
  type TreeForecast,
  TreeQuestion,
  TreeSettings,
} from "@tiller/schema";
import { type Db, sql } from "@tiller/store";
import { forecastTree } from "./forecast.ts";
import { createTree, headOf, treeAgents } from "./rows.ts";

const instructed = (question: string) =>
  `Question: ${question}\nAnswer it from what follows. If that does not say, summarise what in it bears on the question; if nothing does, write nothing.`;

/** The asked tree's, but for the question: the passages are the same. */
async function asking(
  db: Db,
  tree: string,
  { question, model }: NewTreeQuestion,
): Promise<{ text: string; settings: TreeSettings }> {
  const { settings: s, text, question: before } = await headOf(db, tree);
  if (before !== null)
    throw new TillerError(
      "asks_itself",
      `${tree} is itself the answer to a question. Ask the tree that it is about.`,
    );
  const who = model ?? s.model;
  const settings = TreeSettings.parse({
    window: s.window,
    seed: s.seed,
    context: s.context,
    instructions: instructed(question),
    ...(who !== undefined && { model: who }),
    temperature: s.temperature,
    price: s.price,
    parallel: s.parallel,
  });
  return { text, settings };
}

export async function forecastQuestion(
  db: Db,
  tree: string,
  o: NewTreeQuestion,
): Promise<TreeForecast> {
  const { text, settings } = await asking(db, tree, o);
  return forecastTree(text, settings);
}

export async function askTree(
  db: Db,
  tree: string,
  o: NewTreeQuestion & { readonly id: string; readonly by: string },
): Promise<void> {
  const { text, settings } = await asking(db, tree, o);
  const { agents } = await treeAgents(db, tree);
  const { id, question, by } = o;
  const about = { tree, question };
  await createTree(db, { id, name: question.slice(0, 200), text, settings, by, agents, about });
}

const LISTED = 100;
/** The newest first. */
export async function questionsOf(db: Db, tree: string): Promise<TreeQuestion[]> {
  await headOf(db, tree); // refuses one that is not there
  return db.many(
    sql`select t.id as tree, t.question, t.state, t.why, t.made_at as "askedAt", count(n.node)::int as nodes,
          (count(*) filter (where n.standing <> 'invalid'))::int as written,
          max(e.text) filter (where n.parent is null and n.standing <> 'invalid') as answer
        from tree t join tree_node n on n.tree = t.id left join tree_entry e on e.tree = n.tree and e.n = n.entry
        where t.about = ${tree} group by t.id order by t.made_at desc limit ${LISTED}`,
    TreeQuestion,
  );
}
