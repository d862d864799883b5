/**
 * Writes the trace behind the recorded steps, in groups: a step costs no commit of its own for it. What a crash loses
 * of it, the replay writes again.
 */
import type { ExperimentId } from "@tiller/schema";
import { type NodeWrite, type Store, writeNodes } from "@tiller/store";

const FLUSH_MS = 40;
const RETRY_MS = 1000;
const GROUP = 1000; // nodes a statement

export interface Recorder {
  write(node: NodeWrite): void;
  /** Resolves when all that was written before is in the database. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

export function openRecorder(store: Store): Recorder {
  let pending = new Map<string, NodeWrite>();
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();
  const group = async (nodes: readonly NodeWrite[]) => {
    try {
      await writeNodes(store.db, nodes);
    } catch (e) {
      // a value the database refuses must not hold the others up; a lost database is tried again
      if (!/^22|^23/.test((e as { code?: string }).code ?? "")) throw e;
      if (nodes.length > 1) for (const n of nodes) await group([n]);
      else
        await writeNodes(store.db, [
          {
            ...nodes[0]!,
            input: null,
            output: null,
            prompt: null,
            brief: `not shown: ${(e as Error).message}`,
          },
        ]).catch(() => {});
    }
  };
  const drain = async () => {
    while (pending.size) {
      const nodes = [...pending.values()].slice(0, GROUP);
      for (const n of nodes) pending.delete(n.id);
      try {
        await group(nodes);
      } catch {
        const newer = pending;
        pending = new Map([...nodes.map((n) => [n.id, n] as const), ...newer]);
        return schedule(RETRY_MS);
      }
      for (const id of new Set(nodes.map((n) => n.experiment as string)))
        store.emit({ type: "trace", experiment: id as ExperimentId });
    }
    return undefined;
  };
  const run = () => (writing = writing.then(drain));
  const schedule = (ms: number) => {
    timer ??= setTimeout(() => {
      timer = undefined;
      void run();
    }, ms);
  };
  return {
    write: (node) => {
      const before = pending.get(node.id);
      // a start and an end in one group are one row
      pending.set(
        node.id,
        before ? { ...before, ...node, replayed: before.replayed && node.replayed } : node,
      );
      schedule(FLUSH_MS);
    },
    flush: async () => {
      await run();
    },
    close: async () => {
      clearTimeout(timer);
      await Promise.race([run(), new Promise((r) => setTimeout(r, 2000))]);
    },
  };
}
