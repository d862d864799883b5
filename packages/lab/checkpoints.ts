/** Registered checkpoints: what jobs made and what came from a folder, each with a version under each of its names. */
import { z } from "zod";
import { Checkpoint, TillerError } from "@tiller/schema";
import { type Db, type Sql, sql } from "@tiller/store";

/** Gives a checkpoint its next version under a name, once. Whoever changes what a name stands for waits here. */
export async function nameVersion(tx: Db, name: string, checkpoint: string): Promise<number> {
  await tx.run(sql`select pg_advisory_xact_lock(${VERSIONS}, hashtext(${name}))`);
  await tx.run(
    sql`insert into checkpoint_version (name, version, checkpoint)
        select ${name}, coalesce(max(version), 0) + 1, ${checkpoint} from checkpoint_version where name = ${name}
        on conflict (name, checkpoint) do nothing`,
  );
  return tx.value(
    sql`select version from checkpoint_version where name = ${name} and checkpoint = ${checkpoint}`,
    z.number(),
  );
}
const VERSIONS = 7_070_714;

/** Of a checkpoint in table `c`, under its own name or another of its names. */
export const checkpointColumns = (name: Sql = sql`c.name`): Sql =>
  sql`c.id, ${name} as name, c.kind as role, c.path, c.run, c.parent, c.created_at as "createdAt", c.metrics`;
/** The same weights again are the same checkpoint: where it came from stays, or is filled in. */
export const saveCheckpointRow = (db: Db, c: Omit<Checkpoint, "createdAt">): Promise<void> =>
  db.transaction(async (tx) => {
    const name = await tx.value(
      sql`insert into checkpoint (id, name, kind, path, run, parent, metrics) values (${c.id}, ${c.name}, ${c.role}, ${c.path}, ${c.run}, ${c.parent}, ${JSON.stringify(c.metrics)})
        on conflict (id) do update set metrics = checkpoint.metrics || excluded.metrics, path = excluded.path,
          run = coalesce(checkpoint.run, excluded.run), parent = coalesce(checkpoint.parent, excluded.parent) returning name`,
      z.string(),
    );
    await nameVersion(tx, name, c.id);
  });
export const listCheckpoints = (db: Db): Promise<Checkpoint[]> =>
  db.many(
    sql`select ${checkpointColumns()} from checkpoint c order by c.created_at desc`,
    Checkpoint,
  );
export async function getCheckpoint(db: Db, id: string): Promise<Checkpoint> {
  const found = await db.maybe(
    sql`select ${checkpointColumns()} from checkpoint c where c.id = ${id}`,
    Checkpoint,
  );
  if (!found)
    throw new TillerError("not_found", `there is no checkpoint ${id}. Look it up in the studio.`);
  return found;
}
