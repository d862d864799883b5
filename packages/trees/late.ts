/**
 * Answers that came after nobody waited for them: who held a node as its tree was stopped may finish, and what she wrote enters the tree by
 * what she read.
 */
import { z } from "zod";
import { type Ask, Entry } from "@tiller/book";
import { capped } from "@tiller/book/prompt.ts";
import { type Db, sql } from "@tiller/store";
import { count, missingFor } from "./plan.ts";
import { asker, readStanding, writeEntry, writeMarks } from "./rows.ts";

/** Before people are asked: what an answer to these batches is about. Twice is once. */
export const noteAsked = (
  db: Db,
  o: {
    readonly tree: string;
    readonly ask: Ask;
    readonly batches: readonly string[];
    readonly old: string | undefined;
  },
): Promise<number> => {
  const { ask } = o;
  const read = {
    earlier: ask.earlier,
    text: ask.text,
    ...(o.old === undefined ? {} : { old: o.old }),
  };
  return db.run(
    sql`insert into tree_asked (tree, batch, node, key, input, context, maker, saw, prompt_tokens, read)
        select ${o.tree}, b, ${ask.node.id}, ${ask.key}, ${ask.input}, ${ask.context}, ${ask.maker}, ${ask.saw}, ${ask.tokens}, ${JSON.stringify(read)}::json
        from unnest(${[...o.batches]}::text[]) b on conflict do nothing`,
  );
};

const Late = Entry.pick({ node: true, input: true, context: true, maker: true, saw: true }).extend({
  key: z.string(),
  promptTokens: z.int(),
  read: z.object({ earlier: z.array(z.string()), text: z.string(), old: z.string().optional() }),
  answer: z.string(),
  by: z.string(),
  seconds: z.number(),
  value: z.object({ summary: z.string().optional(), still: z.string().optional() }),
});

/** Takes them into the tree. Once taken they can no longer be undone. */
export async function takeLate(db: Db, tree: string): Promise<void> {
  const late = await db.transaction(async (tx) => {
    const found = await tx.many(
      sql`with taken as (
            update batch b set consumed_at = now() from tree_asked x
            where x.tree = ${tree} and x.batch = b.id and b.cancelled_at is not null and b.consumed_at is null
              and exists (select 1 from task t join answer a on a.task = t.id where t.batch = b.id and a.undone_at is null)
            returning b.id)
          select x.node, x.key, x.input, x.context, x.maker, x.saw, x.prompt_tokens as "promptTokens", x.read,
            a.id::text as answer, p.pseudonym as by, a.active_seconds::float8 as seconds, a.value
          from taken join tree_asked x on x.tree = ${tree} and x.batch = taken.id
            join task t on t.batch = taken.id join answer a on a.task = t.id and a.undone_at is null join person p on p.id = a.person`,
      Late,
    );
    const cap = z.object({ cap: z.int() });
    const numbers: { node: string; key: string; n: number }[] = [];
    for (const { key, read, answer, by, value, ...x } of found) {
      const { cap: most } = await tx.one(
        sql`select cap from tree_node where tree = ${tree} and node = ${x.node}`,
        cap,
      );
      const said = value.still === "right" ? read.old : value.summary;
      const text = capped(said ?? "", most, count);
      const author = { kind: "person", name: by } as const;
      const entry = { ...x, author, text, tokens: count(text), cost: 0 };
      const { earlier, text: words } = read;
      const n = await writeEntry(tx, tree, `late ${answer}`, entry, {
        answer,
        read: { earlier, text: words },
      });
      numbers.push({ node: x.node, key, n });
    }
    return numbers;
  });
  if (late.length === 0) return;
  const now = await readStanding(db, tree);
  const { head, plan, outputs } = now;
  const asks = asker(now);
  const marks = late.flatMap(({ node: id, key, n }) => {
    const node = plan.nodes.get(id);
    if (!node || missingFor(plan, node, outputs) !== undefined) return [];
    const ask = asks(node);
    return ask.key === key
      ? [{ node: id, n, key, used: ask.used, standing: "current" as const }]
      : [];
  });
  await writeMarks(db, tree, { version: head.version, marks });
}
