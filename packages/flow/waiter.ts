/**
 * Waits for batches without asking: a trigger in the database says when one is complete or cancelled, over the store's
 * own connection. After a lost connection, and now and then, one query looks for words that were missed. A thousand
 * parked workflows are a thousand promises in a map.
 */
import { BATCH_CHANNEL, settledBatches, type Store } from "@tiller/store";

export interface Waiter {
  /** Resolves when the batch has all its answers, is in use or is cancelled; false at the deadline. */
  settled(batch: string, deadline?: number): Promise<boolean>;
  /** looks for words that were missed */
  look(): Promise<void>;
  /** batches waited for */
  size(): number;
  close(): void;
}

const LOOK_MS = 60_000;
const GROUP = 5000; // batches a query

export function openWaiter(store: Store): Waiter {
  const waiting = new Map<string, Set<() => void>>();
  const wake = (batch: string) => {
    const ready = waiting.get(batch);
    waiting.delete(batch);
    for (const resolve of ready ?? []) resolve();
  };
  // batches that began to wait since the last look: their word may have come before they listened
  let fresh: string[] = [];
  let looking: Promise<void> | undefined;
  const query = async (ids: readonly string[]) => {
    for (let i = 0; i < ids.length; i += GROUP)
      for (const batch of await settledBatches(store.db, ids.slice(i, i + GROUP))) wake(batch);
  };
  const lookAtFresh = () => {
    looking ??= (async () => {
      while (fresh.length) {
        const ids = fresh.filter((id) => waiting.has(id));
        fresh = [];
        await query(ids);
      }
    })()
      .catch(() => {}) // a lost database: `onBack` looks at everything
      .finally(() => (looking = undefined));
  };
  const look = () => query([...waiting.keys()]);
  const ends = [
    store.holder.listen(BATCH_CHANNEL, wake),
    store.holder.onBack(() => void look().catch(() => {})),
  ];
  const timer = setInterval(() => void (waiting.size && look().catch(() => {})), LOOK_MS);
  timer.unref();
  return {
    settled: (batch, deadline) =>
      new Promise((resolve) => {
        let end: NodeJS.Timeout | undefined;
        const done = (answered: boolean) => {
          clearTimeout(end);
          resolve(answered);
        };
        const woken = () => done(true);
        if (!waiting.has(batch)) waiting.set(batch, new Set());
        waiting.get(batch)!.add(woken);
        fresh.push(batch);
        setImmediate(lookAtFresh); // many that begin together share a query
        if (deadline !== undefined) {
          const tick = () => {
            const left = deadline - Date.now();
            if (left <= 0) {
              waiting.get(batch)?.delete(woken);
              done(false);
            } else end = setTimeout(tick, Math.min(left, 2 ** 31 - 1)).unref();
          };
          tick();
        }
      }),
    look,
    size: () => waiting.size,
    close: () => {
      clearInterval(timer);
      for (const end of ends) end();
    },
  };
}
