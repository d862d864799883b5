/** What each model was used for, a row a day: calls, hits, tokens and money add up over servers and restarts. */
import { z } from "zod";
import { KeptCall, type ModelPage, ModelUse } from "@tiller/schema";
import { type Db, sql } from "@tiller/store";

const sum = (a: ModelUse, b: ModelUse): ModelUse => ({
  model: a.model,
  calls: a.calls + b.calls,
  hits: a.hits + b.hits,
  failed: a.failed + b.failed,
  attempts: a.attempts + b.attempts,
  repairs: a.repairs + b.repairs,
  promptTokens: a.promptTokens + b.promptTokens,
  completionTokens: a.completionTokens + b.completionTokens,
  cost: a.cost + b.cost,
  saved: a.saved + b.saved,
  seconds: a.seconds + b.seconds,
});

/**
 * Writes uses, one statement at a time a model: what comes while one is being written goes together into the next, so
 * that many calls at once do not queue for one row. Resolves when the use is in the database.
 */
export function useLog(db: Db): (u: ModelUse) => Promise<void> {
  const next = new Map<string, { use: ModelUse; written: Promise<void> }>();
  const writing = new Map<string, Promise<void>>();
  return (u) => {
    const gathering = next.get(u.model);
    if (gathering) {
      gathering.use = sum(gathering.use, u);
      return gathering.written;
    }
    const before = writing.get(u.model) ?? Promise.resolve();
    const entry = { use: u, written: Promise.resolve() };
    entry.written = before
      .catch(() => {}) // its own callers hear of it
      .then(async () => {
        next.delete(u.model);
        const now = addUse(db, entry.use).then(() => undefined);
        writing.set(u.model, now);
        await now;
      });
    next.set(u.model, entry);
    return entry.written;
  };
}

/** Adds to today's row. */
const addUse = (db: Db, u: ModelUse): Promise<number> =>
  db.run(sql`insert into model_use (model, calls, hits, failed, attempts, repairs, prompt_tokens, completion_tokens, cost, saved, seconds)
    values (${u.model}, ${u.calls}, ${u.hits}, ${u.failed}, ${u.attempts}, ${u.repairs}, ${u.promptTokens}, ${u.completionTokens}, ${u.cost}, ${u.saved}, ${u.seconds})
    on conflict (model, day) do update set calls = model_use.calls + excluded.calls, hits = model_use.hits + excluded.hits, failed = model_use.failed + excluded.failed,
      attempts = model_use.attempts + excluded.attempts, repairs = model_use.repairs + excluded.repairs, prompt_tokens = model_use.prompt_tokens + excluded.prompt_tokens,
      completion_tokens = model_use.completion_tokens + excluded.completion_tokens, cost = model_use.cost + excluded.cost, saved = model_use.saved + excluded.saved,
      seconds = model_use.seconds + excluded.seconds`);

const totals = sql`sum(calls)::int as calls, sum(hits)::int as hits, sum(failed)::int as failed, sum(attempts)::int as attempts, sum(repairs)::int as repairs,
  sum(prompt_tokens)::bigint as "promptTokens", sum(completion_tokens)::bigint as "completionTokens", sum(cost) as cost, sum(saved) as saved, sum(seconds) as seconds`;
const since = (days: number) => sql`day > (now() at time zone 'utc')::date - ${days}::int`;

/** Totals by model over the last `days` days. */
export const modelUse = (db: Db, days: number): Promise<ModelUse[]> =>
  db.many(
    sql`select model, ${totals} from model_use where ${since(days)} group by model order by model`,
    ModelUse,
  );

/** One model's days, and what of it is in the cache. */
export async function modelPage(
  db: Db,
  name: string,
  o: { days: number; calls: number },
): Promise<Omit<ModelPage, "name" | "state">> {
  const days = await db.many(
    sql`select day::text, ${totals} from model_use where model = ${name} and ${since(o.days)} group by day order by day desc`,
    ModelUse.omit({ model: true }).extend({ day: z.string() }),
  );
  const kept = await db.one(
    sql`select count(*)::int as replies, coalesce(sum(hits), 0)::int as hits, coalesce(sum(hits * (reply->>'cost')::float8), 0) as saved from model_call where model = ${name}`,
    z.strictObject({ replies: z.number(), hits: z.number(), saved: z.number() }),
  );
  const calls = await db.many(
    sql`select key, hits, hits * (reply->>'cost')::float8 as saved, left(request->'messages'->-1->>'content', 300) as prompt, left(reply->>'text', 300) as text, created_at as at
        from model_call where model = ${name} order by hits desc, created_at desc limit ${o.calls}`,
    KeptCall,
  );
  return { days, kept, calls };
}
