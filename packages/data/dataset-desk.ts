/** Cards and rows of datasets for whoever asks, worked out in dataset-worker.ts; and a card for each new version, made behind it. */
import {
  type ChangesQuery,
  type DatasetCard,
  type DatasetChanges,
  DatasetId,
  type DatasetOverlap,
  type Examples,
  type ExamplesQuery,
} from "@tiller/schema";
import { datasetsWithoutCard, NEW_DATASET } from "@tiller/lab";
import type { Store } from "@tiller/store";
import { askThread } from "@tiller/work/asked-thread.ts";
import type { DatasetQuestion } from "./dataset-worker.ts";

export interface DatasetDesk {
  card(id: string): Promise<DatasetCard>;
  examples(id: string, query: ExamplesQuery): Promise<Examples>;
  changes(id: string, query: ChangesQuery): Promise<DatasetChanges>;
  overlaps(id: string, others: readonly string[]): Promise<DatasetOverlap[]>;
}

export function datasetDesk({ config, home }: Pick<Store, "config" | "home">): DatasetDesk {
  const ask = askThread<DatasetQuestion>(new URL("./dataset-worker.ts", import.meta.url), config, {
    code: "dataset_failed",
    what: "the dataset could not be looked through",
  });
  const of = (id: string) => ({ home, dataset: DatasetId.parse(id) });
  return {
    card: (id) => ask({ ...of(id), kind: "card" }),
    examples: (id, query) => ask({ ...of(id), kind: "examples", query }),
    changes: (id, query) => ask({ ...of(id), kind: "changes", query }),
    overlaps: (id, others) => ask({ ...of(id), kind: "overlaps", others }),
  };
}

/** Makes the card of each version that has none: of those that are here, and of each that comes, whoever saved it. */
export function keepCards(store: Store): Disposable {
  const desk = datasetDesk(store); // a thread of its own: pages do not wait behind a long one
  let [closed, running, again] = [false, false, false];
  const tried = new Set<string>(); // one that cannot be read is not tried for ever
  const sweep = async () => {
    if (running) {
      again = true;
      return;
    }
    running = true;
    do {
      again = false;
      try {
        for (const id of await datasetsWithoutCard(store.db)) {
          if (closed) return;
          if (tried.has(id)) continue;
          tried.add(id);
          await desk.card(id).catch((e: unknown) => {
            if (!closed) console.error(`The dataset ${id} has no card: ${(e as Error).message}`);
          });
        }
      } catch {
        // the database is away: its next word brings us back
      }
    } while (again && !closed);
    running = false;
  };
  const ends = [
    store.holder.listen(NEW_DATASET, () => void sweep()),
    store.holder.onBack(() => void sweep()),
  ];
  void sweep();
  return {
    [Symbol.dispose]: () => {
      closed = true;
      for (const end of ends) end();
    },
  };
}
