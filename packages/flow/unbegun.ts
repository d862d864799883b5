/**
 * Experiments that were written down and never begun: their server died between the two. They are begun by whoever looks
 * next; one that was to go on in place of another experiment, which still goes on itself, is cancelled and says so.
 */
import { type Db, sql } from "@tiller/store";
import { endExperiment } from "@tiller/lab";
import { z } from "zod";

const LOOK_MS = 10_000;
const AGE = "5 seconds"; // what is younger may be about to begin

const Row = z.object({
  id: z.string(),
  recipe: z.string(),
  config: z.unknown(),
  kind: z.string().nullable(),
});

/** Looks now and then; `begin` starts an experiment by its id, and does nothing twice. */
export function beginUnbegun(
  db: Db,
  known: readonly string[],
  begin: (experiment: { id: string; recipe: string; config: unknown }) => Promise<unknown>,
): { close(): void } {
  const look = async () => {
    const found = await db.many(
      sql`select id, recipe, config, origin->>'kind' as kind from experiment e
          where state = 'running' and recipe = any(${[...known]}) and started_at < now() - ${AGE}::interval
            and (origin is null or not origin ? 'imported')
            and not exists (select 1 from dbos.workflow_status w where w.workflow_uuid = e.id)`,
      Row,
    );
    for (const { kind, ...experiment } of found)
      if (kind === "rewind" || kind === "migrate")
        await endExperiment(db, experiment.id, {
          state: "cancelled",
          error:
            "its server died before it began, and the experiment it should replace goes on. Do it again.",
        });
      else await begin(experiment);
  };
  const timer = setInterval(() => void look().catch(() => {}), LOOK_MS).unref(); // a lost database: the next look finds it
  void look().catch(() => {});
  return { close: () => clearInterval(timer) };
}
