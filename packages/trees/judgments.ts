/** What people and models said of a tree's nodes: kept beside the tree, never taken out again. */
import { z } from "zod";
import type { Answered } from "@tiller/flow";
import { TreeJudgment } from "@tiller/schema";
import { type Db, sql } from "@tiller/store";
import { isPerson } from "./ask.ts";

/** `asked`: what gave it; the same again is written once. */
export type NewJudgment = Omit<TreeJudgment, "n" | "at"> & { readonly asked: string };

type Said = Pick<Answered<object>, "value" | "by" | "answer"> & { readonly person: string | null };
/** An answer about a node's summaries as a judgment. `policies`: whose each of them was, where that is known. */
export function judgment(
  kind: TreeJudgment["kind"],
  { id: node, key, saw }: { readonly id: string; readonly key: string; readonly saw: string },
  texts: readonly string[],
  { value, by, person, answer }: Said,
  policies?: readonly string[],
): Omit<NewJudgment, "asked"> {
  const said = z.record(z.string(), z.json()).parse(JSON.parse(JSON.stringify(value)));
  const author = { kind: isPerson({ by, person }) ? "person" : "policy", name: by } as const;
  const whose = policies ? [...policies] : null;
  return { kind, node, key, saw, texts: [...texts], value: said, author, answer, policies: whose };
}

export async function writeJudgments(
  db: Db,
  tree: string,
  judgments: readonly NewJudgment[],
): Promise<void> {
  if (judgments.length === 0) return;
  await db.run(
    sql`insert into tree_judgment (tree, asked, kind, node, key, saw, texts, value, author_kind, author, answer, policies)
        select ${tree}, x.asked, x.kind, x.node, x.key, x.saw, x.texts, x.value, x.author->>'kind', x.author->>'name', x.answer, x.policies
        from json_to_recordset(${JSON.stringify(judgments)}::json)
          as x(asked text, kind text, node text, key text, saw text, texts json, value json, author json, answer text, policies json)
        on conflict (tree, asked) do nothing`,
  );
}

/** In the order that they came; of one node, or of all. */
export const judgmentsOf = (
  db: Db,
  tree: string,
  o: { readonly node?: string | undefined; readonly kinds?: readonly TreeJudgment["kind"][] } = {},
): Promise<TreeJudgment[]> =>
  db.many(
    sql`select n, kind, node, key, saw, texts, value, json_build_object('kind', author_kind, 'name', author) as author, answer, policies, at
        from tree_judgment where tree = ${tree}
          and (${o.node ?? null}::text is null or node = ${o.node ?? null})
          and (${o.kinds ?? null}::text[] is null or kind = any(${o.kinds ?? null}))
        order by n`,
    TreeJudgment,
  );
