/**
 * The process's own connection: it holds the locks that end with the process, kill -9 included, and hears what the
 * database says. Lost, it comes back by itself; `back` then runs before anything else is heard.
 */
import type pg from "pg";

export interface Holder {
  readonly client: () => pg.Client;
  /** Hears a channel; returns the function that ends it. */
  listen(channel: string, hear: (payload: string) => void): () => void;
  /** Called after every reconnection: words may have been missed. */
  onBack(f: () => void): () => void;
  close(): Promise<void>;
}

const RETRY_MS = 250;

export async function openHolder(o: {
  connect: (again: boolean) => Promise<pg.Client>;
  /** locks and what else a connection needs, first and again */
  ready: (client: pg.Client) => Promise<void>;
  /** tries to bring a lost database back before the next attempt */
  lost: () => Promise<void>;
}): Promise<Holder> {
  const channels = new Map<string, Set<(payload: string) => void>>();
  const backs = new Set<() => void>();
  let closed = false;
  let client: pg.Client;
  const open = async (reopens = false) => {
    const fresh = await o.connect(reopens);
    try {
      await o.ready(fresh);
      for (const channel of channels.keys()) await fresh.query(`listen ${channel}`);
    } catch (e) {
      await fresh.end().catch(() => {});
      throw e;
    }
    fresh.on("notification", (m) => {
      for (const hear of channels.get(m.channel) ?? []) hear(m.payload ?? "");
    });
    fresh.on("error", () => {}); // 'end' follows
    fresh.on("end", () => {
      if (!closed && client === fresh) void again();
    });
    client = fresh;
  };
  const again = async () => {
    while (!closed)
      try {
        await o.lost();
        await open(true);
        for (const f of backs) f();
        return;
      } catch {
        await new Promise((r) => setTimeout(r, RETRY_MS));
      }
  };
  await open();
  return {
    client: () => client,
    listen: (channel, hear) => {
      if (!channels.has(channel)) {
        channels.set(channel, new Set());
        client.query(`listen ${channel}`).catch(() => {}); // a lost connection listens again when it is back
      }
      channels.get(channel)!.add(hear);
      return () => void channels.get(channel)?.delete(hear);
    },
    onBack: (f) => {
      backs.add(f);
      return () => void backs.delete(f);
    },
    close: async () => {
      closed = true;
      await client.end();
    },
  };
}
