/**
 * Statements that come again and again as text get a name, so that Postgres parses and plans them once a connection.
 * It is DBOS that sends them so: a recorded step is three statements whose planning takes longer than running them.
 */
import { createHash } from "node:crypto";
import pg from "pg";
import { lose } from "./lost.ts";

const OFTEN = 5; // as often as Postgres itself plans afresh before it keeps a plan
const AT_MOST = 200; // names a process: what is put together from pieces must not fill the server's memory

interface Seen {
  times: number;
  name: string | undefined;
}
const seen = new Map<string, Seen>();

function nameOf(text: string): string | undefined {
  const known = seen.get(text);
  if (known) {
    if (known.times >= 0 && ++known.times === OFTEN)
      known.name = `t${createHash("sha256").update(text).digest("hex").slice(0, 16)}`;
    return known.name;
  }
  if (seen.size < AT_MOST) seen.set(text, { times: 1, name: undefined });
  return undefined;
}
/** Another server changed a table under a kept plan: by name no more, and done again as after a lost connection. */
function stale(e: unknown, text: string): void {
  if ((e as { code?: string }).code !== "0A000") return;
  seen.set(text, { times: -1, name: undefined });
  lose(e as pg.DatabaseError);
}

type Ended = (e: Error | null, r?: pg.QueryResult) => void;

export class NamingClient extends pg.Client {
  // every way of pg.Client's `query`; only text with values is ours
  override query(...args: any[]): any {
    const [text, values, ended] = args as [unknown, unknown, Ended | undefined];
    const name = typeof text === "string" && Array.isArray(values) ? nameOf(text) : undefined;
    if (!name) return super.query(...(args as [any]));
    const named = { name, text: text as string, values: values as unknown[] };
    if (ended)
      return super.query(named, (e, r) => {
        if (e) stale(e, named.text);
        ended(e, r);
      });
    return super.query(named).catch((e: unknown) => {
      stale(e, named.text);
      throw e;
    });
  }
}
