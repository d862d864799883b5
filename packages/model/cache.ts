/** Model calls by content: the same request again gets the same reply for nothing, on every server of a database. */
import { createHash } from "node:crypto";
import { z } from "zod";
import { findUnstorable } from "@tiller/schema";
import { canonical, type Db, sql } from "@tiller/store";

export const contentKey = (x: unknown): string =>
  createHash("sha256").update(canonical(x)).digest("hex");

/** A reply as it is kept; the value is parsed out of the text by whoever asks. */
export const Recorded = z.strictObject({
  text: z.string(),
  model: z.string(),
  finish: z.string(),
  promptTokens: z.number(),
  completionTokens: z.number(),
  cost: z.number(),
  estimated: z.boolean(),
  repairs: z.number(),
  attempts: z.number(),
  ms: z.number(),
  logprobs: z.array(z.strictObject({ token: z.string(), logprob: z.number() })).nullable(),
});
export type Recorded = z.infer<typeof Recorded>;

/** The reply kept under the key, its hit counted. */
export const cachedReply = async (db: Db, key: string): Promise<Recorded | undefined> =>
  (
    await db.maybe(
      sql`update model_call set hits = hits + 1 where key = ${key} returning reply`,
      z.object({ reply: Recorded }),
    )
  )?.reply;

/** Two servers may answer the same request at once: the first stays, unless it is to be replaced. */
export async function keepReply(
  db: Db,
  o: { key: string; model: string; request: unknown; reply: Recorded; replace: boolean },
): Promise<void> {
  const [request, reply] = [JSON.stringify(o.request), JSON.stringify(o.reply)];
  if (findUnstorable([o.request, o.reply])) return; // what the database cannot keep is asked again
  await db.run(
    sql`insert into model_call (key, model, request, reply) values (${o.key}, ${o.model}, ${request}, ${reply}) on conflict (key) do update set reply = excluded.reply where ${o.replace}`,
  );
}

/** A hit that another call of this process waited for. */
export const countHit = (db: Db, key: string): Promise<number> =>
  db.run(sql`update model_call set hits = hits + 1 where key = ${key}`);
