/** SQL in plain sight: a tag that makes parameters of its values, and verbs that say how many rows come back. */
import { createHash } from "node:crypto";
import pg from "pg";
import type { z } from "zod";
import { Bug, TillerError } from "@tiller/schema";

export interface Sql {
  readonly text: string;
  readonly values: readonly unknown[];
  /** Postgres keeps the plan of a named statement, a connection. */
  readonly name?: string;
}

const names = new Map<string, string>();
/** Planned once a connection: for statements of every request, whose planning takes longer than running them. */
export function prepared(q: Sql): Sql {
  let name = names.get(q.text);
  if (!name) {
    name = `s${createHash("sha256").update(q.text).digest("hex").slice(0, 16)}`;
    names.set(q.text, name);
  }
  return { ...q, name };
}

/** sql`select * from task where id = ${id}`; a nested sql`` is spliced in. */
export function sql(parts: TemplateStringsArray, ...values: unknown[]): Sql {
  let text = parts[0];
  const flat: unknown[] = [];
  values.forEach((value, i) => {
    if (
      typeof value === "object" &&
      value !== null &&
      "text" in value &&
      "values" in value &&
      Array.isArray(value.values)
    ) {
      const inner = value as Sql;
      text += inner.text.replace(/\$(\d+)/g, (_, n: string) => `$${Number(n) + flat.length}`);
      for (const one of inner.values) flat.push(one);
    } else {
      flat.push(value);
      text += `$${flat.length}`;
    }
    text += parts[i + 1];
  });
  return { text, values: flat };
}

/** Before a statement that reads from `behind`: its commit does not wait for the disk, only for its place in the log. */
export const behind = sql`with behind as materialized (select set_config('synchronous_commit', 'off', true))`;

// timestamps as ISO strings, 64-bit counts as numbers: what the schemas say
pg.types.setTypeParser(pg.types.builtins.TIMESTAMPTZ, (s) => new Date(s).toISOString());
pg.types.setTypeParser(pg.types.builtins.INT8, Number);
pg.types.setTypeParser(pg.types.builtins.NUMERIC, Number);

const asked = ({ text, values, name }: Sql): pg.QueryConfig => ({
  text,
  values: [...values],
  ...(name ? { name } : {}),
});

type Runner = Pick<pg.Pool, "query">;

/** What the database holds, parsed: a row that does not fit is nobody's request, and says so. */
function stored<T>(schema: z.ZodType<T>, value: unknown): T {
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  const at = error.issues.map((i) => `${i.path.join(".") || "the row"}: ${i.message}`).join("; ");
  throw new TillerError(
    "unreadable_row",
    `the database holds what this version of Tiller cannot read (${at.slice(0, 500)}). Start the version that wrote it, or report this with the version that did.`,
    { cause: error },
  );
}

export class Db {
  readonly #runner: Runner;
  readonly #pool: pg.Pool | undefined;
  constructor(runner: Runner, pool?: pg.Pool) {
    this.#runner = runner;
    this.#pool = pool;
  }
  async #rows(q: Sql): Promise<unknown[]> {
    return (await this.#runner.query(asked(q))).rows as unknown[];
  }
  async many<T>(q: Sql, row: z.ZodType<T>): Promise<T[]> {
    return (await this.#rows(q)).map((r) => stored(row, r));
  }
  async maybe<T>(q: Sql, row: z.ZodType<T>): Promise<T | undefined> {
    const rows = await this.#rows(q);
    if (rows.length > 1) throw new Bug(`${rows.length} rows where one was expected: ${q.text}`);
    return rows.length ? stored(row, rows[0]) : undefined;
  }
  async one<T>(q: Sql, row: z.ZodType<T>): Promise<T> {
    const found = await this.maybe(q, row);
    if (found === undefined) throw new Bug(`no row for: ${q.text}`);
    return found;
  }
  /** The only column of the only row. */
  async value<T>(q: Sql, value: z.ZodType<T>): Promise<T> {
    const rows = await this.#rows(q);
    if (rows.length !== 1) throw new Bug(`${rows.length} rows where one was expected: ${q.text}`);
    return stored(value, Object.values(rows[0] as object)[0]);
  }
  /** Runs it and returns the number of rows it touched. */
  async run(q: Sql): Promise<number> {
    return (await this.#runner.query(asked(q))).rowCount ?? 0;
  }
  async transaction<T>(body: (db: Db) => Promise<T>): Promise<T> {
    if (!this.#pool) return body(this); // already inside one
    const client = await this.#pool.connect();
    try {
      await client.query("begin");
      const result = await body(new Db(client as unknown as Runner));
      await client.query("commit");
      return result;
    } catch (e) {
      await client.query("rollback").catch(() => {});
      throw e;
    } finally {
      client.release();
    }
  }
}
