/**
 * Statements that come again and again as text get a name, so that Postgres parses and plans them once a connection.
 * It is DBOS that sends them so: a recorded step is three statements whose planning takes longer than running them.
 */
import pg from "pg";
import { lose } from "./lost.ts";
import { prepared } from "./sql.ts";

const OFTEN = 5; // as often as Postgres itself plans afresh before it keeps a plan
const AT_MOST = 200; // texts a process: what is put together from pieces must not fill the server's memory

const seen = new Map<string, number>(); // how often
const isOften = (text: string): boolean => {
  const times = (seen.get(text) ?? 0) + 1;
  if (times > 1 || seen.size < AT_MOST) seen.set(text, times);
  return times >= OFTEN;
};
/** Another server changed a table under a kept plan: by name no more, and done again as after a lost connection. */
function stale(e: unknown, text: string): void {
  if ((e as { code?: string }).code !== "0A000") return;
  seen.set(text, -Infinity);
  lose(e as pg.DatabaseError);
}

type Ended = (e: Error | null, r?: pg.QueryResult) => void;

export class NamingClient extends pg.Client {
  // every way of pg.Client's `query`; only text with values is ours
  override query(...args: any[]): any {
    const [text, values, ended] = args as [unknown, unknown, Ended | undefined];
    if (typeof text !== "string" || !Array.isArray(values) || !isOften(text))
      return super.query(...(args as [any]));
    const named = { ...prepared({ text, values }), values };
    if (ended)
      return super.query(named, (e, r) => {
        if (e) stale(e, text);
        ended(e, r);
      });
    return super.query(named).catch((e: unknown) => {
      stale(e, text);
      throw e;
    });
  }
}
