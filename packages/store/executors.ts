/**
 * Server processes on one database. Each holds a session lock of its own and says every few seconds that it lives.
 * One whose lock is free (it died) or that was silent too long (it was paused, or its network broke) is declared dead,
 * once and for ever: its connections are ended, and it can open no new ones, so nothing it still does reaches the
 * database. All times are the database's: clocks of the machines do not matter.
 */
import { hostname } from "node:os";
import { randomUUID } from "node:crypto";
import type pg from "pg";
import { z } from "zod";
import { type Db, sql } from "./sql.ts";

/** A process that said nothing for this long is dead, whatever its connections look like. */
export const SILENT_SECONDS = 20;
/** A process whose lock is free has died, or lost a connection that it will have back by then. */
const LOST_SECONDS = 6;
export const BEAT_MS = 2500;
const LOCKS = 7_070_709; // class of the executors' session locks

/** Shown as the connections' application_name: by its start the connections of a dead one are found. */
export const executorName = (id: string): string =>
  `tiller ${id} ${process.pid}@${hostname()}`.slice(0, 63);
export const newExecutorId = (): string => randomUUID().slice(0, 18);

export const registerExecutor = (db: Db, id: string): Promise<number> =>
  db.run(sql`insert into executor (id, host, pid) values (${id}, ${hostname()}, ${process.pid})`);

/** Takes the process's session lock on its own connection; again after a reconnection. */
export const lockExecutor = async (holder: pg.ClientBase, id: string): Promise<void> =>
  void (await holder.query(
    "select pg_advisory_lock($1::int, lock::int) from executor where id = $2 and dead_at is null",
    [LOCKS, id],
  ));

export const executorIsDead = (db: Db, id: string): Promise<boolean> =>
  db.value(
    sql`select exists (select 1 from executor where id = ${id} and dead_at is not null)`,
    z.boolean(),
  );

/** Nobody holds the session lock of executor `e`. */
const free = sql`not exists (select 1 from pg_locks l where l.locktype = 'advisory' and l.classid::bigint = ${LOCKS} and l.objid::bigint = e.lock and l.granted
  and l.database = (select oid from pg_database where datname = current_database()))`;

/**
 * Says that `me` lives, declares the dead, ends their connections, and returns those this call declared: the caller
 * takes their work over. `lives`: false when `me` itself was declared dead. `alone`: this process is known to be the only
 * one. After a restart of Postgres everyone gets time to come back.
 */
export async function pulseExecutor(
  db: Db,
  me: string,
  o: { alone: boolean },
): Promise<{ lives: boolean; dead: string[] }> {
  // who was silent itself may have slept, or the clock was set: it judges nobody's silence before its next beat
  const spoke = sql`exists (select 1 from executor m where m.id = ${me} and m.seen_at > now() - make_interval(secs => ${SILENT_SECONDS / 2}))`;
  const { lives, dead } = await db.one(
    sql`with mine as (update executor set seen_at = now() where id = ${me} and dead_at is null returning id),
          dead as (update executor e set dead_at = now() where e.dead_at is null and e.id <> ${me}
            and (${o.alone} or pg_postmaster_start_time() < now() - make_interval(secs => ${SILENT_SECONDS})
              and (e.seen_at < now() - make_interval(secs => ${SILENT_SECONDS}) and ${spoke} or abs(extract(epoch from now() - e.seen_at)) > ${LOST_SECONDS} and ${free}))
            returning e.id)
        select exists (select 1 from mine) as lives, array(select id from dead) as dead`,
    z.object({ lives: z.boolean(), dead: z.array(z.string()) }),
  );
  await endConnections(db, dead);
  return { lives, dead };
}

/** Declares dead, at once, those of this machine whose process is gone: a server that starts again waits for nobody. */
export async function declareGoneDead(db: Db, me: string): Promise<string[]> {
  const here = await db.many(
    sql`select id, pid from executor where host = ${hostname()} and dead_at is null and id <> ${me}`,
    z.object({ id: z.string(), pid: z.number() }),
  );
  const gone = here.filter((e) => !runs(e.pid)).map((e) => e.id);
  if (!gone.length) return [];
  const dead = await db.many(
    sql`update executor e set dead_at = now() where e.id = any(${gone}) and e.dead_at is null and ${free} returning e.id`,
    z.object({ id: z.string() }),
  );
  const ids = dead.map((d) => d.id);
  await endConnections(db, ids);
  return ids;
}
function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (e) {
    return (e as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
async function endConnections(db: Db, ids: readonly string[]): Promise<void> {
  for (const id of ids)
    await db.run(
      sql`select pg_terminate_backend(pid, 5000) from pg_stat_activity where starts_with(application_name, ${`tiller ${id} `}) and pid <> pg_backend_pid()`,
    );
}

/** Dead servers that still own unfinished workflows: whoever declared them dead may have died before taking these over. */
export const deadOwners = async (db: Db): Promise<string[]> =>
  (
    await db.many(
      sql`select distinct w.executor_id as id from dbos.workflow_status w join executor e on e.id = w.executor_id
          where w.status = 'PENDING' and e.dead_at is not null`,
      z.object({ id: z.string() }),
    )
  ).map((r) => r.id);

/** Another process than `me` lives on this database. */
export const othersLive = (db: Db, me: string): Promise<boolean> =>
  db.value(
    sql`select exists (select 1 from executor where dead_at is null and id <> ${me} and seen_at > now() - make_interval(secs => ${SILENT_SECONDS}))`,
    z.boolean(),
  );

/** Declares one dead whose process is known to have ended, and ends its connections. */
export async function declareDead(db: Db, id: string): Promise<void> {
  await retireExecutor(db, id);
  await endConnections(db, [id]);
}

/** A clean stop: its unfinished workflows are free at once. */
export const retireExecutor = (db: Db, id: string): Promise<number> =>
  db.run(sql`update executor set dead_at = now() where id = ${id} and dead_at is null`);
