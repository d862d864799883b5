/**
 * The database's clock, the same for every server: what this machine's clock says, or whether somebody sets it, does
 * not matter. Between looks it goes on by the monotonic clock.
 */
import { type Db, sql } from "@tiller/store";
import { z } from "zod";

export interface Clock {
  /** milliseconds since 1970 */
  now(): number;
  /** asks the database again */
  look(): Promise<void>;
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
