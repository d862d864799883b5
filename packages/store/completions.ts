/** Chat completions that were asked to be kept (`store: true`), each for the person or program that asked. */
import { z } from "zod";
import { type Db, sql } from "./sql.ts";

export const StoredCompletion = z.object({
  id: z.string(),
  /** as it was given, with its labels */
  reply: z.record(z.string(), z.unknown()),
  messages: z.array(z.record(z.string(), z.unknown())),
});
export type StoredCompletion = z.infer<typeof StoredCompletion>;

export interface CompletionFilter {
  readonly person: string | null;
  readonly model?: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  /** the last of the page before */
  readonly after?: string | undefined;
  readonly newestFirst: boolean;
  readonly limit: number;
}

export const storeCompletion = (
  db: Db,
  c: StoredCompletion & { person: string | null; checkpoint: string; labels: object },
) =>
  db.run(sql`insert into stored_completion (id, person, checkpoint, labels, messages, reply)
    values (${c.id}, ${c.person}, ${c.checkpoint}, ${JSON.stringify(c.labels)}::jsonb, ${JSON.stringify(c.messages)}::jsonb, ${JSON.stringify(c.reply)}::jsonb)`);

export const storedCompletion = (db: Db, person: string | null, id: string) =>
  db.maybe(
    sql`select id, reply, messages from stored_completion where id = ${id} and person is not distinct from ${person}`,
    StoredCompletion,
  );

export function storedCompletions(db: Db, f: CompletionFilter): Promise<StoredCompletion[]> {
  const [order, beyond] = f.newestFirst ? [sql`desc`, sql`<`] : [sql`asc`, sql`>`];
  return db.many(
    sql`select id, reply, messages from stored_completion c
      where person is not distinct from ${f.person}
        and (${f.model ?? null}::text is null or reply->>'model' = ${f.model ?? null})
        and labels->'metadata' @> ${JSON.stringify(f.metadata)}::jsonb
        and (${f.after ?? null}::text is null or (at, id) ${beyond} (select at, id from stored_completion where id = ${f.after ?? null}))
      order by at ${order}, id ${order} limit ${f.limit}`,
    StoredCompletion,
  );
}

/** False where there was none. */
export const forgetCompletion = async (db: Db, person: string | null, id: string) =>
  (await db.run(
    sql`delete from stored_completion where id = ${id} and person is not distinct from ${person}`,
  )) > 0;
