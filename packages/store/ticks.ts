/**
 * A batch's count of answers, without a row that all of them wait for. While many answers are missing, each adds a tick
 * of its own; ticks are added up in groups, as soon as the ones before are. Near the end answers count one by one.
 */
import { z } from "zod";
import { type Db, prepared, sql } from "./sql.ts";

/** Missing answers above which a batch counts by ticks. */
export const TICKS_ABOVE = 256;

const addUp = (db: Db, batch: string): Promise<number> =>
  db.run(
    prepared(sql`with t as (delete from batch_tick where batch = ${batch} returning n)
        update batch set done = done + (select sum(n)::int from t) where id = ${batch} and exists (select 1 from t)`),
  );

interface Round {
  readonly running: Promise<unknown>;
  next?: Promise<unknown>;
}
const rounds = new WeakMap<Db, Map<string, Round>>();

/** Resolves once a sum that began after this call is stored. Calls that come while one runs share the next. */
export async function countTicks(db: Db, batch: string): Promise<void> {
  const all = rounds.get(db) ?? new Map<string, Round>();
  rounds.set(db, all);
  const start = (): Promise<unknown> => {
    const round: Round = {
      running: addUp(db, batch).finally(() => {
        if (all.get(batch) === round) all.delete(batch);
      }),
    };
    all.set(batch, round);
    return round.running;
  };
  const now = all.get(batch);
  await (now ? (now.next ??= now.running.then(start, start)) : start());
}

/** Adds up what a crash left. */
export async function countLeftTicks(db: Db): Promise<void> {
  const left = await db.many(
    sql`select distinct batch from batch_tick`,
    z.object({ batch: z.string() }),
  );
  for (const { batch } of left) await addUp(db, batch);
}
