/**
 * The word that a room changed, from whichever server (migration 097): one listener a process, however many rooms are waited
 * for. After a lost connection everybody looks again; once in ten minutes in any case (a machine that slept).
 */
import type { Store } from "@tiller/store";

type Holder = Store["holder"];

const CHANNEL = "tiller_room";
const LOOK_MS = 600_000;

class Hub {
  readonly #rooms = new Map<string, Set<() => void>>();
  constructor(holder: Holder) {
    holder.listen(CHANNEL, (room) => this.#rooms.get(room)?.forEach((f) => f()));
    // words may have been missed while the connection was away
    holder.onBack(() => this.#rooms.forEach((all) => all.forEach((f) => f())));
  }
  on(room: string, f: () => void): () => void {
    const all = this.#rooms.get(room) ?? new Set();
    this.#rooms.set(room, all.add(f));
    return () => {
      all.delete(f);
      if (all.size === 0 && this.#rooms.get(room) === all) this.#rooms.delete(room);
    };
  }
}
const hubs = new WeakMap<Holder, Hub>();

/** Calls `f` whenever the room may have changed; returns the function that ends it. */
function onRoom(store: Pick<Store, "holder">, room: string, f: () => void): () => void {
  const hub = hubs.get(store.holder) ?? new Hub(store.holder);
  hubs.set(store.holder, hub);
  return hub.on(room, f);
}

/** Any room: for the counts at the words of the header. */
export const onAnyRoom = (store: Pick<Store, "holder">, f: () => void): (() => void) =>
  store.holder.listen(CHANNEL, f);

/**
 * Looks until there is something, and again after every word. `look` says how long it may take at most until the next look;
 * a word that comes while it looks is not lost.
 */
export async function watchRoom<T>(
  store: Pick<Store, "holder">,
  room: string,
  signal: AbortSignal,
  look: () => Promise<{ readonly found: T } | { readonly withinMs: number }>,
): Promise<T> {
  let changed = false;
  let wake = () => {};
  const end = onRoom(store, room, () => {
    changed = true;
    wake();
  });
  const stop = () => wake();
  signal.addEventListener("abort", stop);
  try {
    for (;;) {
      signal.throwIfAborted();
      changed = false;
      const seen = await look();
      if ("found" in seen) return seen.found;
      if (changed || signal.aborted) continue;
      await new Promise<void>((go) => {
        const timer = setTimeout(go, Math.min(Math.max(1, seen.withinMs), LOOK_MS));
        timer.unref();
        wake = () => {
          clearTimeout(timer);
          go();
        };
      });
      wake = () => {};
    }
  } finally {
    end();
    signal.removeEventListener("abort", stop);
  }
}
