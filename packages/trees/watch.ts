/** Waits until a tree was edited or is to stop, from whichever server (migration 105). */
import type { Store } from "@tiller/store";
import { headOf } from "./rows.ts";

const LOOK_MS = 60_000; // in any case: words may have been missed while the connection was away

export async function untilChanged(
  store: Pick<Store, "db" | "holder">,
  tree: string,
  version: number,
  signal: AbortSignal,
): Promise<{ version: number; stop: boolean }> {
  let changed = true;
  let wake = () => {};
  const word = () => {
    changed = true;
    wake();
  };
  const ends = [
    store.holder.listen("tiller_tree", (id) => id === tree && word()),
    store.holder.onBack(word),
  ];
  signal.addEventListener("abort", word);
  try {
    for (;;) {
      signal.throwIfAborted();
      if (changed) {
        changed = false;
        const now = await headOf(store.db, tree);
        if (now.stop || now.version !== version) return { version: now.version, stop: now.stop };
        continue;
      }
      await new Promise<void>((go) => {
        const timer = setTimeout(word, LOOK_MS);
        timer.unref();
        wake = () => {
          clearTimeout(timer);
          go();
        };
      });
    }
  } finally {
    for (const end of ends) end();
    signal.removeEventListener("abort", word);
  }
}
