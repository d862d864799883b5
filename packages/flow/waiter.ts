/**
 * Waits for batches without asking: a trigger in the database says when one is complete or cancelled, over the store's
 * own connection. After a lost connection, and now and then, one query looks for words that were missed. A thousand
 * parked workflows are a thousand promises in a map.
 */
import type { Clock } from "./clock.ts";
import { BATCH_CHANNEL, settledBatches } from "@tiller/work";
import { type Store } from "@tiller/store";

export interface Waiter {
  /** Resolves when the batch has all its answers, is in use or is cancelled; false at the deadline, by the database's clock. */
  settled(batch: string, deadline?: number): Promise<boolean>;
  /** looks for words that were missed */
  look(): Promise<void>;
  /** batches waited for */
  size(): number;
  close(): void;
}

const LOOK_MS = 60_000;
const GROUP = 5000; // batches a query

export function openWaiter(store: Store, clock: Clock): Waiter {
  // mostly one waits for a batch; thousands of sets would weigh
  const waiting = new Map<string, (() => void) | Set<() => void>>();
  const wake = (batch: string) => {
    const ready = waiting.get(batch);
    waiting.delete(batch);
    if (ready instanceof Set) for (const resolve of ready) resolve();
    else ready?.();
  };
  const wait = (batch: string, woken: () => void) => {
    const others = waiting.get(batch);
    if (others instanceof Set) others.add(woken);
    else waiting.set(batch, others ? new Set([others, woken]) : woken);
    fresh.push(batch);
    setImmediate(lookAtFresh); // many that begin together share a query
  };
  const leave = (batch: string, woken: () => void) => {
    const all = waiting.get(batch);
    if (all instanceof Set) all.delete(woken);
    else if (all === woken) waiting.delete(batch);
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
  const timer = setInterval(() => {
    const looks = [clock.look(), ...(waiting.size ? [look()] : [])];
    for (const l of looks) l.catch(() => {});
  }, LOOK_MS);
  timer.unref();
  return {
    settled: (batch, deadline) =>
      deadline === undefined
        ? new Promise((resolve) => wait(batch, resolve.bind(null, true)))
        : new Promise((resolve) => {
            let end: NodeJS.Timeout | undefined;
            const woken = () => {
              clearTimeout(end);
              resolve(true);
            };
            wait(batch, woken);
            const tick = () => {
              const left = deadline - clock.now();
              if (left > 0) end = setTimeout(tick, Math.min(left, 2 ** 31 - 1)).unref();
              else {
                leave(batch, woken);
                resolve(false);
              }
            };
            tick();
          }),
    look,
    size: () => waiting.size,
    close: () => {
      clearInterval(timer);
      for (const end of ends) end();
    },
  };
}
