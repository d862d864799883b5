/**
 * Opens the database and migrates it. The embedded one is held for one server at a time; a database by DATABASE_URL may
 * be shared by many, which watch each other (executors.ts).
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { callbackify } from "node:util";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { z } from "zod";
import { type LiveEvent, TillerError } from "@tiller/schema";
import { clearUploads, type Embedded, prepareHome, startEmbedded } from "./embedded.ts";
import {
  pulseExecutor,
  executorIsDead,
  executorName,
  lockExecutor,
  newExecutorId,
  registerExecutor,
  retireExecutor,
} from "./executors.ts";
import { type Holder, openHolder } from "./holder.ts";
import { PatientPool } from "./lost.ts";
import { NamingClient } from "./named.ts";
import { declareInputs } from "./inputs.ts";
import { Db, sql } from "./sql.ts";

/** Left in a home by a restore that did not finish. */
export const UNFINISHED = ".restoring";
const UPLOAD_MS = 48 * 3600_000;
const MINIMUM = 15;
const LOCK = 7_070_707; // advisory lock: one server a database
const MIGRATE = 7_070_708;
const GUEST = 7_070_709; // shared by guests
const migrations = path.join(path.dirname(fileURLToPath(import.meta.url)), "migrations");

export interface Store extends AsyncDisposable {
  readonly db: Db;
  readonly pool: pg.Pool;
  readonly home: string;
  readonly config: pg.ClientConfig;
  /** this process among the servers of the database */
  readonly executor: string;
  /** no other server can be on this database */
  readonly alone: boolean;
  readonly holder: Holder;
  /** From now on this process counts as a server: it must say that it lives, or others take its work over. */
  enlist(): Promise<void>;
  emit(event: LiveEvent): void;
  /** Live events of this process; returns the function that ends it. */
  subscribe(listener: (event: LiveEvent) => void): () => void;
  close(): Promise<void>;
}

export async function openStore(o: {
  home: string;
  databaseUrl?: string | undefined;
  database?: string;
  /** beside a server that may run: holds nothing, and stops the embedded Postgres only when nobody else uses it */
  guest?: boolean;
}): Promise<Store> {
  if (existsSync(path.join(o.home, UNFINISHED)))
    throw new TillerError(
      "half_restored",
      `the restore into ${o.home} did not finish. Empty the folder, then run tiller restore FILE --home ${o.home} again.`,
    );
  prepareHome(o.home, { embedded: !o.databaseUrl });
  declareInputs(...["inputs", "jobs", "checkpoints"].map((name) => path.join(o.home, name))); // models that were trained here, too
  const embedded = o.databaseUrl ? undefined : await startEmbedded(o.home);
  const config: pg.ClientConfig = embedded
    ? { host: embedded.socketDir, user: embedded.user, database: o.database ?? "postgres" }
    : { connectionString: o.databaseUrl };
  const alone = embedded !== undefined && o.database === undefined && !o.guest;
  const executor = newExecutorId();
  const named = { ...config, application_name: executorName(executor) };
  const pool = new PatientPool({
    ...named,
    Client: NamingClient,
    max: 20,
    idleTimeoutMillis: 60_000,
    // a process that was declared dead gets no new connection: what it still does reaches nothing
    verify: (client, done) => {
      const admit = async () => {
        const dead = await executorIsDead(new Db(client as pg.PoolClient), executor).catch(
          (e: Error & { code?: string }) => {
            if (e.code === "42P01") return false; // before the first migration there is no such table
            throw e;
          },
        );
        if (dead) throw fenced();
      };
      const end = callbackify(admit); // the pool wants a callback
      end(done);
    },
  });
  const db = new Db(pool, pool);
  let registered = false;
  const holder = await openHolder({
    // the first time an adopted Postgres may still be starting; later, one that stops is soon to be started again
    connect: (again) => connect(named, embedded ? (again ? 500 : 15_000) : 0),
    ready: async (client) => {
      await checkServer(client);
      if (o.guest) await client.query("select pg_advisory_lock_shared($1)", [GUEST]);
      else if (embedded) await hold(client, o.home);
      if (registered) await lockExecutor(client, executor);
    },
    lost: async () => {
      if (embedded) await startEmbedded(o.home); // adopts it, or starts it again
    },
  }).catch((cause: unknown) => {
    if (cause instanceof TillerError) throw cause;
    const where = o.databaseUrl ? new URL(o.databaseUrl).host : o.home;
    const why = (cause as Error).message || (cause as { code?: string }).code;
    throw new TillerError(
      "database_unreachable",
      o.databaseUrl
        ? `cannot reach the database at ${where} (${why}). Check that it runs and that DATABASE_URL is right.`
        : `the database of ${where} does not answer as it should (${why}). Its log is ${path.join(o.home, "postgres/data/log")}; if files of it are damaged, restore a backup (tiller restore FILE --home NEW).`,
      { cause },
    );
  });
  try {
    await migrate(db);
    if (alone) await pulseExecutor(db, executor, { alone });
    // beside other servers only what nobody can be at any more
    if (!o.guest) clearUploads(o.home, { olderThanMs: alone ? 0 : UPLOAD_MS });
  } catch (e) {
    await pool.end();
    await holder.close();
    if (alone) await stop(embedded).catch(() => {}); // it is held here: nobody else uses it
    throw e;
  }
  const listeners = new Set<(event: LiveEvent) => void>();
  const close = async () => {
    await retireExecutor(db, executor).catch(() => {});
    await pool.end();
    const last = !o.guest || (await isLast(holder.client()).catch(() => false));
    await holder.close();
    if (last) await stop(embedded);
  };
  return {
    db,
    pool,
    home: o.home,
    config,
    executor,
    alone,
    holder,
    enlist: async () => {
      if (registered) return;
      await registerExecutor(db, executor);
      registered = true;
      await lockExecutor(holder.client(), executor);
    },
    emit: (event) => listeners.forEach((l) => l(event)),
    subscribe: (l) => {
      listeners.add(l);
      return () => listeners.delete(l);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
/** Connects; tries again for `patience` ms, since an adopted server may still be starting. */
async function connect(config: pg.ClientConfig, patience: number): Promise<pg.Client> {
  const until = performance.now() + patience;
  for (;;) {
    const client = new pg.Client({ ...config, connectionTimeoutMillis: 8000 });
    client.on("error", () => {}); // cut while it is idle: its next query says so
    try {
      await client.connect();
      return client;
    } catch (e) {
      await client.end().catch(() => {});
      if (performance.now() >= until) throw e;
      await new Promise((r) => setTimeout(r, 200));
    }
  }
}

/** Whether a guest that leaves is the last one, and no server runs. */
async function isLast(guest: pg.Client): Promise<boolean> {
  await guest.query("select pg_advisory_unlock_shared($1)", [GUEST]);
  const { rows } = await guest.query<{ alone: boolean }>(
    "select pg_try_advisory_lock($1) and pg_try_advisory_lock($2) as alone",
    [LOCK, GUEST],
  );
  return rows[0]!.alone;
}

const stop = async (e: Embedded | undefined) => e?.stop();

/** `number` as Postgres shows it: 150018 is 15.18. */
export function checkVersion(number: number): void {
  const version = Math.floor(number / 10_000);
  if (version < MINIMUM)
    throw new TillerError(
      "database_too_old",
      `the database is PostgreSQL ${version}; Tiller needs ${MINIMUM} or newer. Upgrade it, or leave DATABASE_URL out to use the embedded one.`,
    );
}

const fenced = () =>
  new TillerError(
    "fenced",
    "this server was silent for so long that the others took its work over. Start it again.",
  );

async function checkServer(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ server_version_num: string }>("show server_version_num");
  checkVersion(Number(rows[0]!.server_version_num));
}

/** One server an embedded database. */
async function hold(holder: pg.Client, home: string): Promise<void> {
  // after a kill -9 Postgres may need a moment to notice that the old connection is gone
  for (let attempt = 0; ; attempt++) {
    const { rows } = await holder.query<{ got: boolean }>(
      "select pg_try_advisory_lock($1) as got",
      [LOCK],
    );
    if (rows[0]!.got) return;
    if (attempt === 8)
      throw new TillerError(
        "home_in_use",
        `another Tiller server already runs on ${home}${await heldBy(holder)}. Stop it first, or give this one another --home.`,
      );
    await new Promise((r) => setTimeout(r, 250));
  }
}

/** " (process 12 on host)" of the server that holds the lock, as far as the database knows it. */
async function heldBy(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ name: string }>(
    `select application_name as name from pg_stat_activity join pg_locks using (pid)
     where locktype = 'advisory' and granted and objid = $1 and datname = current_database()`,
    [LOCK],
  );
  const [, pid, host] = /^tiller \S+ (\d+)@(.*)$/.exec(rows[0]?.name ?? "") ?? [];
  return pid ? ` (process ${pid} on ${host})` : "";
}

/** The numbered SQL files that this Tiller knows. */
export const knownMigrations = (): string[] =>
  readdirSync(migrations)
    .filter((n) => n.endsWith(".sql"))
    .toSorted();
export const appliedMigrations = async (db: Db): Promise<string[]> =>
  (
    await db.many(sql`select name from migration order by name`, z.object({ name: z.string() }))
  ).map((r) => r.name);

/** Applies the numbered SQL files that are new, one transaction each. */
async function migrate(db: Db): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.run(sql`select pg_advisory_xact_lock(${MIGRATE})`);
    await tx.run(
      sql`create table if not exists migration (name text primary key, at timestamptz not null default now())`,
    );
    const done = new Set(await appliedMigrations(tx));
    const known = knownMigrations();
    const newer = [...done].filter((name) => !known.includes(name));
    if (newer.length)
      throw new TillerError(
        "newer_home",
        `the database was used by a newer Tiller: this one does not know ${newer.slice(0, 3).join(", ")}. Nothing was changed. Start the newer one, or restore a backup from before (tiller restore FILE --home NEW).`,
      );
    for (const name of known) {
      if (done.has(name)) continue;
      await tx.run({ text: readFileSync(path.join(migrations, name), "utf8"), values: [] });
      await tx.run(sql`insert into migration (name) values (${name})`);
    }
  });
}
