/**
 * Requests and tokens a minute of one model, counted in the database: workflows run in a process of their own and
 * servers may be many, and the endpoint counts them together. One row a model, the same token buckets as in limiter.ts:
 * ten seconds' worth at once, filled evenly by the database's clock. Who finds them empty waits as long as it takes.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { type Db, type Sql, sql } from "@tiller/store";

const BURST_MINUTES = 1 / 6;
const LONGEST_MS = 10_000; // between two looks: another process may have been told to pause

export interface SharedRate {
  /** Waits until one request of so many tokens may be sent. */
  take(tokens: number, signal: AbortSignal): Promise<void>;
  /** How many more (or, negative, fewer) tokens it was. */
  settle(tokens: number): Promise<void>;
  /** The endpoint said it is too much: nobody asks for so long. */
  pause(ms: number): Promise<void>;
}

/** undefined: the model has no limit. */
export function sharedRate(
  db: Db,
  model: string,
  o: { requestsPerMinute?: number | undefined; tokensPerMinute?: number | undefined },
): SharedRate | undefined {
  if (o.requestsPerMinute === undefined && o.tokensPerMinute === undefined) return undefined;
  const bucket = (perMinute: number | undefined) => ({
    perSecond: (perMinute ?? 0) / 60,
    most: perMinute === undefined ? Infinity : Math.max(1, perMinute * BURST_MINUTES),
  });
  const [requests, tokens] = [bucket(o.requestsPerMinute), bucket(o.tokensPerMinute)];
  const filled = (level: Sql, b: { perSecond: number; most: number }) =>
    sql`least(${b.most}::float8, ${level} + greatest(0, extract(epoch from clock_timestamp() - m.at)) * ${b.perSecond}::float8)`;
  const Looked = z.object({
    got: z.boolean(),
    requests: z.number(),
    tokens: z.number(),
    pausedMs: z.number(),
  });

  /** ms until it is worth another look; 0: it is granted. */
  async function look(n: number): Promise<number> {
    const wanted = Math.min(n, tokens.most); // more than fits at all waits for a full bucket
    const me = randomUUID();
    const row = await db.one(
      sql`insert into model_rate as m (model, requests, tokens, at, granted)
          values (${model}, ${requests.most}::float8 - 1, ${tokens.most}::float8 - ${n}::float8, clock_timestamp(), ${me})
        on conflict (model) do update set (requests, tokens, at, granted) = (
          select case when f.ok then f.r - 1 else f.r end, case when f.ok then f.t - ${n}::float8 else f.t end, clock_timestamp(), case when f.ok then ${me} else m.granted end
          from (select b.r, b.t, b.r >= 1 and b.t >= ${wanted}::float8 and coalesce(m.paused_until <= clock_timestamp(), true) as ok
                from (select ${filled(sql`m.requests`, requests)} as r, ${filled(sql`m.tokens`, tokens)} as t) b) f)
        returning granted = ${me} as got, least(requests, 1e15) as requests, least(tokens, 1e15) as tokens,
          coalesce(greatest(0, extract(epoch from paused_until - clock_timestamp())) * 1000, 0)::float8 as "pausedMs"`,
      Looked,
    );
    if (row.got) return 0;
    const until = (missing: number, perSecond: number) =>
      missing > 0 && perSecond > 0 ? (missing / perSecond) * 1000 : 0;
    const wait = Math.max(
      row.pausedMs,
      until(1 - row.requests, requests.perSecond),
      until(wanted - row.tokens, tokens.perSecond),
    );
    return Math.min(LONGEST_MS, Math.max(5, Math.ceil(wait)));
  }
  return {
    take: async (n, signal) => {
      for (let wait = await look(n); wait > 0; wait = await look(n))
        await sleep(wait, undefined, { signal }).catch(() => signal.throwIfAborted());
    },
    settle: async (n) => {
      if (n !== 0 && o.tokensPerMinute !== undefined)
        await db.run(
          sql`update model_rate set tokens = least(${tokens.most}::float8, tokens - ${n}::float8) where model = ${model}`,
        );
    },
    pause: async (ms) => {
      await db.run(
        sql`update model_rate set paused_until = greatest(paused_until, clock_timestamp() + make_interval(secs => ${ms / 1000})) where model = ${model}`,
      );
    },
  };
}
