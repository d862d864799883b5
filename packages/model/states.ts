/**
 * How busy the processes that call models are, for the studio: each says it about once a second while it has calls under way.
 */
import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { ModelState } from "@tiller/schema";
import { type Db, sql } from "@tiller/store";

type Busy = Pick<ModelState, "running" | "waiting" | "places" | "pausedMs">;
const EVERY_MS = 1000;
const FRESH_SECONDS = 5;

/** Tells while `busy` has anything to tell; called at each call. */
export function stateTeller(db: Db, busy: () => ReadonlyMap<string, Busy>): () => void {
  const me = randomUUID();
  let timer: NodeJS.Timeout | undefined;
  const tell = async () => {
    const all = [...busy()].filter(([, s]) => s.running || s.waiting || s.pausedMs);
    const rows = all.map(([model, s]) => ({ model, ...s }));
    await db.run(
      sql`with gone as (delete from model_state where at < now() - make_interval(secs => 60) or (process = ${me} and not (model = any(${rows.map((r) => r.model)}))))
        insert into model_state (process, model, running, waiting, places, paused_ms, at)
          select ${me}, x.model, x.running, x.waiting, x.places, x."pausedMs", clock_timestamp()
          from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as x(model text, running int, waiting int, places int, "pausedMs" float8)
        on conflict (process, model) do update set running = excluded.running, waiting = excluded.waiting, places = excluded.places, paused_ms = excluded.paused_ms, at = excluded.at`,
    );
    return rows.length > 0;
  };
  const look = async () => {
    const more = await tell().catch(() => true); // a database that is away shows nothing for a while
    timer = undefined;
    if (more) next();
  };
  const next = () => {
    timer = setTimeout(() => void look(), EVERY_MS).unref();
  };
  return () => void (timer ?? next());
}

const Row = z.object({
  model: z.string(),
  running: z.number(),
  waiting: z.number(),
  places: z.number(),
  pausedMs: z.number(),
});
/** By model, all processes together; a model that nobody calls now is not there. */
export async function busyModels(db: Db): Promise<ReadonlyMap<string, Busy>> {
  const rows = await db.many(
    sql`select model, sum(running)::int as running, sum(waiting)::int as waiting, sum(places)::int as places, max(paused_ms) as "pausedMs"
        from model_state where at > clock_timestamp() - make_interval(secs => ${FRESH_SECONDS}) group by model`,
    Row,
  );
  return new Map(rows.map(({ model, ...busy }) => [model, busy]));
}
