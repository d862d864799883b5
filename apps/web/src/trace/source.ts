/**
 * Where a trace comes from. The viewer knows only this: the studio's is over HTTP and live, an exported file's reads
 * its own blocks (file-source.ts).
 */
import type {
  NodeComment,
  NodePart,
  NodeView,
  TraceFound,
  TracedExperiment,
  TraceNode,
} from "@tiller/schema";
import { api, linkTo } from "../api.ts";

/** What can be done to an experiment that goes on from one of its nodes. */
export interface TraceActions {
  fork(o: { node: string; input?: unknown; output?: unknown }): Promise<{ experiment: string }>;
  rewind(o: { node: string }): Promise<{ experiment: string }>;
  reask(o: { node: string }): Promise<{ experiment: string }>;
  cancel(o: { node: string; reason?: string }): Promise<void>;
}
export interface OtherExperiment {
  readonly id: string;
  readonly title: string;
}
export interface TraceSource {
  readonly experiment: TracedExperiment;
  /** when it was looked at, where that is past: milliseconds since 1970 */
  readonly seenAt?: number;
  /** Tells the nodes that are new or changed, all of them first; returns what ends it. */
  watch(o: {
    nodes: (changed: readonly TraceNode[]) => void;
    /** the tree is whole, or why it cannot be read */
    settled: (error?: Error) => void;
  }): () => void;
  node(id: string): Promise<NodeView>;
  /** where a large part of a node comes from, whole; absent: the file has it not */
  part?: (id: string, part: NodePart) => string;
  search(text: string): Promise<TraceFound>;
  /** absent: the trace cannot be changed */
  comment?: (node: string, text: string) => Promise<NodeComment>;
  actions?: TraceActions;
  /** absent: there is nothing to compare with */
  compare?: {
    experiments(): Promise<readonly OtherExperiment[]>;
    open(
      experiment: string,
    ): Promise<{ experiment: TracedExperiment; nodes: TraceNode[]; digests: Map<string, string> }>;
    digests(): Promise<Map<string, string>>;
    node(experiment: string, id: string): Promise<NodeView>;
  };
}

const POLL_MS = 1000;
/**
 * Nodes of different transactions can show out of the order of their numbers, so each poll asks again from where the
 * trace was a few polls ago; what is known already is dropped by its number.
 */
const OVERLAP_POLLS = 5;

async function allNodes(
  experiment: string,
  after: number,
  signal?: AbortSignal,
): Promise<{ nodes: TraceNode[]; seq: number }> {
  const nodes: TraceNode[] = [];
  for (let seq = after; ;) {
    signal?.throwIfAborted();
    const page = await api.tracePage({ id: experiment, after: seq });
    nodes.push(...page.nodes);
    seq = page.seq;
    if (!page.more) return { nodes, seq };
  }
}

async function digestsOf(experiment: string): Promise<Map<string, string>> {
  const rows = await api.traceDigests({ id: experiment });
  return new Map(rows.map((r) => [r.id, r.digest]));
}

export function liveSource(experiment: TracedExperiment): TraceSource {
  const id = experiment.id;
  return {
    experiment,
    watch: ({ nodes: tell, settled }) => {
      const ending = new AbortController();
      const seen = new Map<string, number>();
      const cursors: number[] = [0];
      let timer: ReturnType<typeof setTimeout> | undefined;
      const poll = async () => {
        try {
          const from = cursors[Math.max(0, cursors.length - 1 - OVERLAP_POLLS)]!;
          const page = await allNodes(id, from, ending.signal);
          const fresh = page.nodes.filter((n) => seen.get(n.id) !== n.seq);
          for (const n of fresh) seen.set(n.id, n.seq);
          cursors.push(Math.max(page.seq, cursors.at(-1)!));
          if (cursors.length === 2) cursors[0] = cursors[1]!; // the first answer was the whole tree
          if (cursors.length > 20) cursors.splice(0, 10);
          if (ending.signal.aborted) return;
          if (fresh.length) tell(fresh);
          settled();
        } catch (e) {
          if (ending.signal.aborted) return;
          settled(e as Error);
        }
        timer = setTimeout(() => void poll(), document.hidden ? 10 * POLL_MS : POLL_MS);
      };
      void poll();
      return () => {
        ending.abort();
        clearTimeout(timer);
      };
    },
    node: (node) => api.traceNode({ experiment: id, id: node }),
    part: (node, part) => linkTo("tracePart", { experiment: id, id: node, part }),
    search: (text) => api.searchTrace({ id, q: text }),
    comment: (node, text) => api.commentTrace({ id, body: { node, text } }),
    ...(experiment.imported
      ? {}
      : {
          actions: {
            fork: (o) => api.forkExperiment({ id, body: o }),
            rewind: (o) => api.rewindExperiment({ id, body: o }),
            reask: (o) => api.reaskExperiment({ id, body: o }),
            cancel: async (o) => {
              await api.cancelExperiment({ id, body: o });
            },
          },
        }),
    compare: {
      experiments: async () => {
        const rows = await api.listExperiments();
        return rows.filter((r) => r.id !== id).map((r) => ({ id: r.id, title: r.title }));
      },
      open: async (other) => {
        const [head, page, digests] = await Promise.all([
          api.tracedExperiment({ id: other }),
          allNodes(other, 0),
          digestsOf(other),
        ]);
        return { experiment: head, nodes: page.nodes, digests };
      },
      digests: () => digestsOf(id),
      node: (other, node) => api.traceNode({ experiment: other, id: node }),
    },
  };
}
