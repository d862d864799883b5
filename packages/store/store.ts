/** Opens the database (embedded or DATABASE_URL), migrates it, and holds it for one Tiller server at a time. */
import { readdirSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { z } from "zod";
import { type LiveEvent, TillerError } from "@tiller/schema";
import { type Embedded, prepareHome, startEmbedded } from "./embedded.ts";
import { Db, sql } from "./sql.ts";

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
  prepareHome(o.home);
  const embedded = o.databaseUrl ? undefined : await startEmbedded(o.home);
  const config: pg.ClientConfig = embedded
    ? { host: embedded.socketDir, user: embedded.user, database: o.database ?? "postgres" }
    : { connectionString: o.databaseUrl };
  // the holder of the lock is a connection of its own: it ends with this process, kill -9 included
  const named = { ...config, application_name: `tiller ${process.pid}@${hostname()}` };
  const holder = await connect(named, embedded ? 15_000 : 0).catch((cause: unknown) => {
    const where = o.databaseUrl ? new URL(o.databaseUrl).host : o.home;
    const why = (cause as Error).message || (cause as { code?: string }).code;
    throw new TillerError(
      "database_unreachable",
      `cannot reach the database at ${where} (${why}). Check that it runs and that DATABASE_URL is right.`,
      { cause },
    );
  });
  try {
    if (o.guest) await holder.query("select pg_advisory_lock_shared($1)", [GUEST]);
    else await hold(holder, o.home);
  } catch (e) {
    await holder.end();
    throw e;
  }
  holder.on("error", () => {}); // a lost database shows in the next query
  const pool = new pg.Pool({ ...config, max: 20, idleTimeoutMillis: 60_000 });
  pool.on("error", () => {});
  const db = new Db(pool, pool);
  await migrate(db);
  const listeners = new Set<(event: LiveEvent) => void>();
  const close = async () => {
    await pool.end();
    const alone = !o.guest || (await isAlone(holder));
    await holder.end();
    if (alone) await stop(embedded);
  };
  return {
    db,
    pool,
    home: o.home,
    config,
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
  const until = Date.now() + patience;
  for (;;) {
    const client = new pg.Client({ ...config, connectionTimeoutMillis: 8000 });
    try {
      await client.connect();
      return client;
    } catch (e) {
      await client.end().catch(() => {});
      if (Date.now() >= until) throw e;
      await new Promise((r) => setTimeout(r, 200));
    }
  }
}

/** Whether a guest that leaves is the last one, and no server runs. */
async function isAlone(guest: pg.Client): Promise<boolean> {
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

async function hold(holder: pg.Client, home: string): Promise<void> {
  const { rows: shown } = await holder.query<{ server_version_num: string }>(
    "show server_version_num",
  );
  checkVersion(Number(shown[0]!.server_version_num));
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
  const [, pid, host] = /^tiller (\d+)@(.*)$/.exec(rows[0]?.name ?? "") ?? [];
  return pid ? ` (process ${pid} on ${host})` : "";
}

/** Applies the numbered SQL files that are new, one transaction each. */
async function migrate(db: Db): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.run(sql`select pg_advisory_xact_lock(${MIGRATE})`);
    await tx.run(
      sql`create table if not exists migration (name text primary key, at timestamptz not null default now())`,
    );
    const done = new Set(
      (await tx.many(sql`select name from migration`, z.object({ name: z.string() }))).map(
        (r) => r.name,
      ),
    );
    for (const name of readdirSync(migrations)
      .filter((n) => n.endsWith(".sql"))
      .toSorted()) {
      if (done.has(name)) continue;
      await tx.run({ text: readFileSync(path.join(migrations, name), "utf8"), values: [] });
      await tx.run(sql`insert into migration (name) values (${name})`);
    }
  });
}
