/** Chat completions that were asked to be kept (`store: true`), each for the person or program that asked. */
import { z } from "zod";
import { TillerError } from "@tiller/schema";
import { type Db, sql } from "@tiller/store";

export const StoredCompletion = z.object({
  id: z.string(),
  /** as it was given, with its labels */
  reply: z.record(z.string(), z.unknown()),
  messages: z.array(z.record(z.string(), z.unknown())),
});
export type StoredCompletion = z.infer<typeof StoredCompletion>;

const DAYS = 30;
/** How many days a stored completion is kept: TILLER_STORED_DAYS, 30 where it says nothing; 0: for ever. */
export function storedDays(env: NodeJS.ProcessEnv): number {
  const given = env["TILLER_STORED_DAYS"];
  if (given === undefined || given === "") return DAYS;
  const days = Number(given);
  if (/^\d+(\.\d+)?$/.test(given) && days <= 36_500) return days;
  throw new TillerError(
    "bad_setting",
    `TILLER_STORED_DAYS is ${JSON.stringify(given)}: give the days that stored chat completions are kept, from 0 (for ever) to 36500.`,
  );
}

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

/** Removes what is older than so many days; how many there were. */
export const forgetOldCompletions = (db: Db, days: number): Promise<number> =>
  db.run(
    sql`delete from stored_completion where at < clock_timestamp() - make_interval(secs => ${days * 86_400})`,
  );

/** False where there was none. */
export const forgetCompletion = async (db: Db, person: string | null, id: string) =>
  (await db.run(
    sql`delete from stored_completion where id = ${id} and person is not distinct from ${person}`,
  )) > 0;
