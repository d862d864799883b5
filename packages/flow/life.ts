/**
 * This server among the others: it says that it lives, declares the silent dead, and takes their workflows over. A server that
 * finds itself declared dead stops: DBOS's ownership tokens and the closed connections keep what it still does from counting.
 */
import { DBOS } from "@dbos-inc/dbos-sdk";
import { TillerError } from "@tiller/schema";
import {
  BEAT_MS,
  declareGoneDead,
  Db,
  executorIsDead,
  deadOwners,
  othersLive,
  pulseExecutor,
  sql,
  type Store,
} from "@tiller/store";
import { giveBackUnknown, listHeld, releaseKnown, setAsideUnknown, settleEnded } from "./holds.ts";
import type pg from "pg";
import { z } from "zod";

const GROUP = 1000; // workflows taken over in one statement
const PASS_MS = 500;
const DEAD_OWNER_BEATS = 12; // whoever declares one dead takes over at once; this finds what it left when it died itself

export interface Life {
  /** Something that is not here was claimed: it is passed on in a moment. */
  unknown(): void;
  close(): void;
}

export async function guardLife(
  store: Store,
  o: {
    /** the workflows whose code is here */
    known: readonly string[];
    onAside?: ((lines: readonly string[]) => void) | undefined;
    onFenced: (why: TillerError) => void;
  },
): Promise<Life> {
  const { db, executor } = store;
  // on a connection of its own: behind ten thousand experiments that begin again it would be silent for minutes
  const own = () => new Db(store.holder.client() as unknown as pg.Pool);
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
  /**
   * What needs code that is not here: another server may have it; where there is none it is set aside, and goes on by
   * itself once a server with the code looks.
   */
  const sortOut = async (start: boolean) => {
    const back = await releaseKnown(db, o.known);
    const alone = !(await othersLive(db, executor));
    if (!alone) await giveBackUnknown(db, o.known, executor);
    const lost = alone ? await setAsideUnknown(db, o.known, start ? {} : { executor }) : [];
    const waits = start ? (await listHeld(db)).filter((t) => t.kind === "code") : lost;
    const lines = [
      ...back.map((experiment) => `${experiment} goes on: its code is there again.`),
      ...waits.map((t) => `${t.experiment} is held: ${t.why}`),
    ];
    if (lines.length) o.onAside?.(lines);
    await settleEnded(db);
  };
  let closed = false;
  let beats = 0;
  const dead = new Set<string>(); // whose work waits to be taken over
  let tending = false;
  /** Beside the beats, which wait for none of it. */
  const tend = async () => {
    const found = [...dead];
    await takeOver(found);
    for (const id of found) dead.delete(id);
    if (beats++ % DEAD_OWNER_BEATS === 0) {
      if (!store.alone) await takeOver(await deadOwners(db));
      await sortOut(false);
    }
  };
  const pulse = async () => {
    const seen = await pulseExecutor(own(), executor, { alone: false });
    if (!seen.lives && (await executorIsDead(own(), executor))) {
      closed = true;
      o.onFenced(
        new TillerError(
          "fenced",
          "this server was silent for so long that the others took its work over. Start it again.",
        ),
      );
      return;
    }
    for (const id of seen.dead) dead.add(id);
    if (tending) return;
    tending = true;
    void tend()
      .catch(() => {}) // a lost database: the next beat finds it again
      .finally(() => (tending = false));
  };
  await sortOut(true);
  await takeOver(await declareGoneDead(db, executor));
  await takeOver(await deadOwners(db)); // of an earlier process on this database
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
  let passing: NodeJS.Timeout | undefined;
  return {
    unknown: () => {
      passing ??= setTimeout(() => {
        passing = undefined;
        void sortOut(false).catch(() => {}); // the next beats look again
      }, PASS_MS);
    },
    close: () => {
      closed = true;
      clearTimeout(timer);
      clearTimeout(passing);
    },
  };
}
