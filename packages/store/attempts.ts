/**
 * Guesses at secrets: counted before the secret is looked at, in one statement of the database, so that a thousand at
 * once, on any number of servers, are a thousand.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { TillerError } from "@tiller/schema";
import { type Db, sql } from "./sql.ts";

/** `burst` at once, and `perMinute` in the long run. */
export const guessRates = {
  /** passwords from one address: an office shares one */
  address: { burst: 60, perMinute: 6 },
  /** passwords of one account */
  account: { burst: 8, perMinute: 0.5 },
  /** new passwords of one person, and accounts by one invitation: each costs a hash */
  change: { burst: 8, perMinute: 0.5 },
} as const;
export type GuessRate = keyof typeof guessRates;
export interface Guess {
  readonly rate: GuessRate;
  readonly key: string;
}

/** Keys are hashed: of a bounded length, and no list of names that somebody tried. */
const nameOf = ({ rate, key }: Guess) =>
  `${rate} ${createHash("sha256").update(key).digest("hex")}`;
const KEPT_HOURS = 24;
const SWEEP_MS = 3600_000;
let swept = -Infinity;

/** Takes one guess at each door, or none at any: then the seconds until there is one. */
export async function takeGuess(db: Db, doors: readonly Guess[]): Promise<number> {
  if (performance.now() - swept > SWEEP_MS) {
    swept = performance.now();
    await db.run(sql`delete from attempt where at < now() - make_interval(hours => ${KEPT_HOURS})`);
  }
  const taken: Guess[] = [];
  for (const door of doors) {
    const { burst, perMinute } = guessRates[door.rate];
    const filled = sql`least(${burst}::float8, a.left_over + greatest(0, extract(epoch from clock_timestamp() - a.at)::float8) / 60 * ${perMinute}::float8)`;
    const got = await db.run(
      sql`insert into attempt as a (key, left_over, at) values (${nameOf(door)}, ${burst - 1}, clock_timestamp())
          on conflict (key) do update set left_over = ${filled} - 1, at = clock_timestamp() where ${filled} >= 1`,
    );
    if (got) {
      taken.push(door);
      continue;
    }
    await giveBack(db, taken);
    const there = await db.maybe(
      sql`select ${filled} as filled from attempt a where key = ${nameOf(door)}`,
      z.object({ filled: z.number() }),
    );
    return Math.max(1, Math.ceil(((1 - (there?.filled ?? 1)) / perMinute) * 60));
  }
  return 0;
}

/** A guess that was right counts for nothing. */
export async function giveBack(db: Db, doors: readonly Guess[]): Promise<void> {
  for (const door of doors)
    await db.run(
      sql`update attempt set left_over = least(${guessRates[door.rate].burst}::float8, left_over + 1) where key = ${nameOf(door)}`,
    );
}

/** As an error, for what is refused deep inside. */
export async function requireGuess(db: Db, doors: readonly Guess[]): Promise<void> {
  const seconds = await takeGuess(db, doors);
  if (seconds) throw new TillerError("too_many", `Too many attempts. Try again in ${seconds} s.`);
}
