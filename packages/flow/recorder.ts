/**
 * Writes the trace behind the recorded steps, in groups: a step costs no commit of its own for it. What a crash loses
 * of it, the replay writes again.
 */
import type { ExperimentId } from "@tiller/schema";
import { nodeAnswers, type NodeWrite, writeNodes } from "./nodes.ts";
import { type Store } from "@tiller/store";

const FLUSH_MS = 200;
const RETRY_MS = 1000;
const GROUP = 1000; // nodes a statement

export interface Recorder {
  write(node: NodeWrite): void;
  /** How many answers a waiting ask has by now. */
  answers(node: string, answers: number): void;
  /** Resolves when all that was written before is in the database. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

export function openRecorder(store: Store): Recorder {
  let pending = new Map<string, NodeWrite>();
  let counts = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  // a start and an end in one group are one row
  const merge = (node: NodeWrite) => {
    const before = pending.get(node.id);
    pending.set(
      node.id,
      before ? { ...before, ...node, replayed: before.replayed && node.replayed } : node,
    );
  };
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
  /** Writes what is pending now; what comes meanwhile waits for the next time, and gathers. */
  const drain = async () => {
    const nodes = [...pending.values()];
    pending = new Map();
    const counted = counts;
    counts = new Map();
    for (let i = 0; i < nodes.length; i += GROUP) {
      try {
        await group(nodes.slice(i, i + GROUP));
      } catch {
        const newer = pending;
        pending = new Map(nodes.slice(i).map((n) => [n.id, n]));
        for (const n of newer.values()) merge(n);
        counts = new Map([...counted, ...counts]);
        return schedule(RETRY_MS);
      }
    }
    if (counted.size)
      try {
        await nodeAnswers(store.db, [...counted]);
      } catch {
        counts = new Map([...counted, ...counts]);
        schedule(RETRY_MS);
      }
    const experiments = [
      ...nodes.map((n) => n.experiment as string),
      ...[...counted.keys()].map((node) => node.split("/")[0]!),
    ];
    for (const id of new Set(experiments))
      store.emit({ type: "trace", experiment: id as ExperimentId });
    return undefined;
  };
  /** Those who ask while one is written share the next. */
  const run = () =>
    (next ??= writing = writing.then(() => {
      next = undefined;
      return drain();
    }));
  const schedule = (ms: number) => {
    timer ??= setTimeout(() => {
      timer = undefined;
      void run();
    }, ms);
  };
  return {
    write: (node) => {
      // a clock that was set back makes nothing end before it began
      const early = node.endedAt !== null && node.endedAt < node.startedAt;
      merge(early ? { ...node, endedAt: node.startedAt } : node);
      schedule(FLUSH_MS);
    },
    answers: (node, answers) => {
      counts.set(node, answers);
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
