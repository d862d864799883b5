/**
 * A database that goes away for a moment: restarted, its connections cut, its host unreachable. Whoever wants a
 * connection waits for it a while; what was under way when one was cut fails with an error that `isLost` knows, and
 * may or may not have happened.
 */
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";

const PATIENCE_MS = 30_000;
const lost = new WeakSet<object>();
const states = /^(08|57P0)/; // connection exceptions, a server that shuts down, starts or crashed
const errnos = new Set(["ECONNREFUSED", "ECONNRESET", "EPIPE", "ENOENT", "ETIMEDOUT"]);
const words =
  /^Connection terminated|^Client has encountered a connection error|^timeout exceeded when trying to connect/;

/** Of the store's own connections: the statement failed because the connection did. */
export const isLost = (e: unknown): boolean => {
  if (typeof e !== "object" || e === null) return false;
  const { code, message } = e as { code?: unknown; message?: unknown };
  return (
    lost.has(e) ||
    (e instanceof pg.DatabaseError && states.test(String(code))) ||
    words.test(String(message))
  );
};

/** From now on this error counts as one of its connection, for us and for DBOS. */
export function lose(e: Error & { code?: string | undefined }): void {
  lost.add(e);
  e.code = "ECONNRESET";
}
/** Marks an error of a connection. DBOS tries again after errors it knows; a closed socket has more names than those. */
function mark(e: unknown): void {
  const { code } = e as { code?: string };
  if (e instanceof Error && code && errnos.has(code)) lose(e);
}

/** Does it again while the connection fails, until `signal`. For what may happen twice. */
export async function patient<T>(act: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let wait = 50; ; wait = Math.min(2 * wait, 2000))
    try {
      return await act();
    } catch (e) {
      if (!isLost(e) || signal?.aborted) throw e;
      await sleep(wait * (0.5 + Math.random()));
    }
}

type Connected = (
  e: Error | undefined,
  client: pg.PoolClient | undefined,
  release: (e?: unknown) => void,
) => void;

/** Gives connections that fail by errors and not by events, and waits for a database that is not there. */
export class PatientPool extends pg.Pool {
  constructor(config: pg.PoolConfig) {
    super(config);
    this.on("error", mark); // of an idle one: the pool drops it
    // cut between two statements of a transaction it says so by an event that would end the process
    this.on("connect", (client) => client.on("error", mark));
  }
  async #wait(): Promise<pg.PoolClient> {
    const until = performance.now() + PATIENCE_MS;
    for (;;)
      try {
        return await super.connect();
      } catch (e) {
        mark(e);
        if (!isLost(e) || this.ending || performance.now() > until) throw e;
        await sleep(50 + Math.random() * 200);
      }
  }
  override connect(): Promise<pg.PoolClient>;
  override connect(connected: Connected): void;
  override connect(connected?: Connected): Promise<pg.PoolClient> | void {
    const opened = this.#wait();
    if (!connected) return opened;
    opened.then(
      (client) => connected(undefined, client, (e) => client.release(e as Error)),
      (e: Error) => connected(e, undefined, () => {}),
    );
    return undefined;
  }
}
