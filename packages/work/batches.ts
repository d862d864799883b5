/** Batches as workflows see them: which are complete, what was answered, cancelling what nobody needs any more. */
import { z } from "zod";
import { type Answer, TillerError } from "@tiller/schema";
import { atOrBelow, type Db, sql } from "@tiller/store";
import { behind, prepared } from "@tiller/store/sql.ts";
import { answersOf } from "./work.ts";

export const BATCH_CHANNEL = "tiller_batch";

/** Of these batches, those that need waiting for no longer. */
export const settledBatches = async (db: Db, ids: readonly string[]): Promise<string[]> =>
  (
    await db.many(
      sql`select id from batch where id = any(${[...ids]}) and (done >= wanted or consumed_at is not null or cancelled_at is not null)`,
      z.object({ id: z.string() }),
    )
  ).map((r) => r.id);

/** The batches of workflows that wait for people: after a start they need no posting again. */
export const openBatches = async (db: Db): Promise<Set<string>> =>
  new Set(
    (
      await db.many(
        sql`select id from batch where experiment is not null and consumed_at is null and cancelled_at is null and done < wanted`,
        z.object({ id: z.string() }),
      )
    ).map((r) => r.id),
  );

/**
 * Fixes a batch's answers for use, once, counts them against the node's budgets, and returns them; undefined while some
 * are missing. Once fixed, an answer can no longer be undone. Waits for no disk: whoever uses the answers commits what
 * came of them later in the same log.
 */
export async function takeAnswers(
  db: Db,
  batch: string,
  by: { node: string; experiment: string },
): Promise<Answer[] | undefined> {
  const taken = await db.run(
    prepared(sql`${behind}, taken as (update batch set consumed_at = coalesce(consumed_at, now()) from behind
        where id = ${batch} and cancelled_at is null and (done >= wanted or consumed_at is not null) returning done)
      insert into spend (node, experiment, people) select ${by.node}, ${by.experiment}, done from taken
      on conflict (node) do update set people = greatest(spend.people, excluded.people)`),
  );
  if (taken) return answersOf(db, { batch });
  const cancelled = await db.value(
    sql`select cancelled_at is not null from batch where id = ${batch}`,
    z.boolean(),
  );
  if (cancelled)
    throw new TillerError(
      "cancelled",
      `the work ${batch} was cancelled. Start it again if need be.`,
    );
  return undefined;
}

/** Ends every open batch at or below a place in the trace; what was answered stays. */
export const cancelBatches = (db: Db, node: string): Promise<number> =>
  db.run(
    sql`update batch set cancelled_at = now() where ${atOrBelow(sql`id`, node)} and consumed_at is null and cancelled_at is null`,
  );

/** When a batch ends unanswered: milliseconds since 1970, undefined where it does not or is not posted. */
export const batchDeadline = async (db: Db, batch: string): Promise<number | undefined> => {
  const row = await db.maybe(
    sql`select (extract(epoch from deadline) * 1000)::float8 as at from batch where id = ${batch}`,
    z.object({ at: z.number().nullable() }),
  );
  return row?.at ?? undefined;
};
