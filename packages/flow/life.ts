/**
 * This server among the others: it says that it lives, buries the dead, and takes their workflows over. A server that
 * finds itself buried stops: DBOS's ownership tokens and the closed connections keep what it still does from counting.
 */
import { DBOS } from "@dbos-inc/dbos-sdk";
import { TillerError } from "@tiller/schema";
import {
  BEAT_MS,
  buryGone,
  executorIsDead,
  heirless,
  pulseExecutor,
  sql,
  type Store,
} from "@tiller/store";
import { z } from "zod";

const GROUP = 1000; // workflows taken over in one statement
const HEIRLESS_BEATS = 12; // whoever buries takes over at once; this finds what a dead one buried

export async function guardLife(
  store: Store,
  o: { onFenced: (why: TillerError) => void },
): Promise<{ close(): void }> {
  const { db, executor } = store;
  const takeOver = async (dead: readonly string[]) => {
    for (const id of dead)
      for (;;) {
        const left = await db.many(
          sql`select workflow_uuid as id from dbos.workflow_status where executor_id = ${id} and status = 'PENDING' order by created_at limit ${GROUP}`,
          z.object({ id: z.string() }),
        );
        if (!left.length) break;
        await DBOS.resumeWorkflows(left.map((w) => w.id));
      }
  };
  let closed = false;
  let beats = 0;
  const pulse = async () => {
    const { lives, dead } = await pulseExecutor(db, executor, { alone: false });
    if (!lives && (await executorIsDead(db, executor))) {
      closed = true;
      return o.onFenced(
        new TillerError(
          "fenced",
          "this server was silent for so long that the others took its work over. Start it again.",
        ),
      );
    }
    await takeOver(dead);
    if (!store.alone && beats++ % HEIRLESS_BEATS === 0) await takeOver(await heirless(db));
    return undefined;
  };
  await takeOver(await buryGone(db, executor));
  await takeOver(await heirless(db)); // of an earlier process on this database
  let timer: NodeJS.Timeout;
  const next = () => {
    timer = setTimeout(() => {
      void pulse()
        .catch((e: unknown) => {
          if ((e as { code?: string }).code === "fenced") o.onFenced(e as TillerError);
        }) // a lost database: the next beat finds it again
        .finally(() => !closed && next());
    }, BEAT_MS).unref();
  };
  next();
  return {
    close: () => {
      closed = true;
      clearTimeout(timer);
    },
  };
}
