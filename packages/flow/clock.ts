/**
 * The database's clock, the same for every server: what this machine's clock says, or whether somebody sets it, does
 * not matter. Between looks it goes on by the monotonic clock.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type Db, sql } from "@tiller/store";
import { z } from "zod";

export interface Clock {
  /** milliseconds since 1970 */
  now(): number;
  /** asks the database again */
  look(): Promise<void>;
}

const LOOK_MS = 600_000;
/**
 * Waits until `end` by `now`, and no longer than that is from here: a clock that is set back meanwhile prolongs nothing.
 * A machine that slept is noticed.
 */
export async function restUntil(
  end: number,
  now: () => number,
  signal?: AbortSignal,
): Promise<void> {
  const began = performance.now();
  const most = end - now();
  for (;;) {
    const left = Math.min(end - now(), most - (performance.now() - began));
    if (left <= 0) return;
    await sleep(Math.min(left, LOOK_MS), undefined, { ref: false, signal });
  }
}

export async function openClock(db: Db): Promise<Clock> {
  let ahead = 0; // of the monotonic clock
  const look = async () => {
    const before = performance.now();
    const theirs = await db.value(
      sql`select (extract(epoch from clock_timestamp()) * 1000)::float8`,
      z.number(),
    );
    ahead = theirs - (before + performance.now()) / 2;
  };
  await look();
  return { now: () => Math.round(ahead + performance.now()), look };
}
