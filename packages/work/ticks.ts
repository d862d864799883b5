/**
 * A batch's count of answers, without a row that all of them wait for. While many answers are missing, each adds a tick
 * of its own; ticks are added up in groups, as soon as the ones before are. Near the end answers count one by one.
 */
import { z } from "zod";
import { behind, prepared } from "@tiller/store/sql.ts";
import { type Db, sql } from "@tiller/store";

/** Missing answers above which a batch counts by ticks. */
export const TICKS_ABOVE = 256;

const Count = z.object({ done: z.number(), wanted: z.number() });
type Count = z.infer<typeof Count>;

/** The batch's new count; undefined when there was nothing to add. What a crash takes back are ticks again. */
const addUp = (db: Db, batch: string): Promise<Count | undefined> =>
  db.maybe(
    prepared(sql`${behind}, t as (delete from batch_tick using behind where batch = ${batch} returning n)
        update batch set done = done + (select sum(n)::int from t) where id = ${batch} and exists (select 1 from t) returning done, wanted`),
    Count,
  );

interface Round {
  readonly running: Promise<Count | undefined>;
  next?: Promise<Count | undefined>;
}
const rounds = new WeakMap<Db, Map<string, Round>>();

/** Resolves once a sum that began after this call is stored. Calls that come while one runs share the next. */
export async function countTicks(db: Db, batch: string): Promise<Count | undefined> {
  const all = rounds.get(db) ?? new Map<string, Round>();
  rounds.set(db, all);
  const start = (): Promise<Count | undefined> => {
    const round: Round = {
      running: addUp(db, batch).finally(() => {
        if (all.get(batch) === round) all.delete(batch);
      }),
    };
    all.set(batch, round);
    return round.running;
  };
  const now = all.get(batch);
  return now ? (now.next ??= now.running.then(start, start)) : start();
}

/** Adds up what a crash left. */
export async function countLeftTicks(db: Db): Promise<void> {
  const left = await db.many(
    sql`select distinct batch from batch_tick`,
    z.object({ batch: z.string() }),
  );
  for (const { batch } of left) await addUp(db, batch);
}

/** Answers so far in the batches that a workflow's node waits for. */
export const batchAnswers = (db: Db, node: string): Promise<number> =>
  db.value(
    sql`select coalesce(sum(b.done + coalesce((select sum(t.n) from batch_tick t where t.batch = b.id), 0)), 0)::int from batch b where b.node = ${node}`,
    z.number(),
  );
