/** What each model was used for, a row a day: calls, hits, tokens and money add up over servers and restarts. */
import { z } from "zod";
import { type Db, sql } from "@tiller/store";

export const ModelUse = z.strictObject({
  model: z.string(),
  calls: z.number(),
  hits: z.number().describe("answered from the cache"),
  failed: z.number(),
  attempts: z.number().describe("requests sent"),
  repairs: z.number(),
  promptTokens: z.number(),
  completionTokens: z.number(),
  cost: z.number().describe("US dollars"),
  saved: z.number().describe("US dollars that hits did not cost"),
  seconds: z.number().describe("waiting for replies, all calls together"),
});
export type ModelUse = z.infer<typeof ModelUse>;

/** Adds to today's row. */
export const addUse = (db: Db, u: ModelUse): Promise<number> =>
  db.run(sql`insert into model_use (model, calls, hits, failed, attempts, repairs, prompt_tokens, completion_tokens, cost, saved, seconds)
    values (${u.model}, ${u.calls}, ${u.hits}, ${u.failed}, ${u.attempts}, ${u.repairs}, ${u.promptTokens}, ${u.completionTokens}, ${u.cost}, ${u.saved}, ${u.seconds})
    on conflict (model, day) do update set calls = model_use.calls + excluded.calls, hits = model_use.hits + excluded.hits, failed = model_use.failed + excluded.failed,
      attempts = model_use.attempts + excluded.attempts, repairs = model_use.repairs + excluded.repairs, prompt_tokens = model_use.prompt_tokens + excluded.prompt_tokens,
      completion_tokens = model_use.completion_tokens + excluded.completion_tokens, cost = model_use.cost + excluded.cost, saved = model_use.saved + excluded.saved,
      seconds = model_use.seconds + excluded.seconds`);

/** Totals by model since `days` days ago. */
export const modelUse = (db: Db, days: number): Promise<ModelUse[]> =>
  db.many(
    sql`select model, sum(calls)::int as calls, sum(hits)::int as hits, sum(failed)::int as failed, sum(attempts)::int as attempts, sum(repairs)::int as repairs,
          sum(prompt_tokens)::bigint as "promptTokens", sum(completion_tokens)::bigint as "completionTokens", sum(cost) as cost, sum(saved) as saved, sum(seconds) as seconds
        from model_use where day > (now() at time zone 'utc')::date - ${days}::int group by model order by model`,
    ModelUse,
  );
