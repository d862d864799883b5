/**
 * Answers on their way: kept in the browser until the server has them, so that a lost connection, a reload or a
 * restart of the server loses no work. Sending again is safe: the server takes one answer a lease.
 */
import { z } from "zod";
import { Beside, Lease } from "@tiller/schema";
import { ApiError, api } from "../api.ts";
import { shelf } from "./kept.ts";

const RETRY_MS = 2000;

export const Outgoing = z.object({
  lease: Lease,
  beside: Beside,
  value: z.record(z.string(), z.unknown()),
  activeSeconds: z.number(),
  idleSeconds: z.number(),
  /** taken back and sent again: it stands over an earlier answer that may have reached the server */
  replace: z.boolean(),
  at: z.number(),
});
export type Outgoing = z.infer<typeof Outgoing>;

export type Outcome =
  | { kind: "stored"; answer: string; kept: boolean }
  /** not as the task wants it: back into the form */
  | { kind: "refused"; message: string }
  /** there is no place for it any more */
  | { kind: "lost"; message: string }
  | { kind: "cancelled" };

/** What a status means for an answer; others are tried again. */
const meaning: Record<number, "refused" | "lost"> = {
  400: "refused",
  404: "lost",
  409: "lost",
  410: "lost",
  413: "refused",
  422: "refused",
};

type Listener = (o: Outgoing, what: Outcome) => void;
export interface Outbox {
  readonly add: (o: Outgoing) => void;
  /** Stops one that has not left yet (`sent`), or waits for the reply of one that has. */
  readonly takeBack: (lease: string) => Promise<{ what: Outcome; sent?: Outgoing }>;
  /** Who is told what came of each; without anyone, they wait for the next to listen. */
  readonly listen: (listener: Listener) => () => void;
  readonly leases: () => string[];
  readonly subscribe: (listener: () => void) => () => void;
  /** how many wait, and why when they cannot be sent; how many that had to wait have arrived since */
  readonly size: () => number;
  readonly arrived: () => number;
  readonly trouble: () => string | undefined;
}

const boxes = new Map<string, Outbox>();
/** One for each person, for as long as the page lives. */
export function outboxOf(person: string): Outbox {
  const box = boxes.get(person) ?? openOutbox(person);
  boxes.set(person, box);
  return box;
}

function openOutbox(person: string): Outbox {
  const kept = shelf(`tiller-outbox/${person}`, Outgoing);
  const waiting = new Map<string, { sent: Outgoing; done: Promise<Outcome>; cancel(): void }>();
  const finished = new Map<string, Outcome>();
  const untold: Parameters<Listener>[] = [];
  const subscribers = new Set<() => void>();
  let listener: Listener | undefined;
  let trouble: string | undefined;
  let arrived = 0;
  const late = new Set<string>(); // could not be sent at once
  const changed = () => subscribers.forEach((l) => l());
  const tell: Listener = (o, what) => {
    if (!listener) return void untold.push([o, what]);
    kept.remove(o.lease.lease);
    listener(o, what);
  };

  async function deliver(o: Outgoing, resting: { signal: AbortSignal }): Promise<Outcome> {
    const { activeSeconds, idleSeconds, value } = o;
    const lease = o.lease.lease;
    for (;;) {
      try {
        const sent = { lease, value, activeSeconds, idleSeconds };
        const reply = await api.submitAnswer({ body: sent });
        trouble = undefined;
        if (reply.kept || !o.replace) return { kind: "stored", ...reply };
        await api.undoAnswer({ body: { answer: reply.answer } });
      } catch (e) {
        const what = e instanceof ApiError ? meaning[e.status] : undefined;
        if (what) return { kind: what, message: (e as Error).message };
        trouble = e instanceof ApiError ? e.message : "The server cannot be reached.";
        if (!late.size) arrived = 0;
        late.add(lease);
        changed();
        if (!(await rest(resting.signal))) return { kind: "cancelled" };
      }
    }
  }
  /** Waits for the next try; false when it was called off. */
  const rest = (signal: AbortSignal) =>
    new Promise<boolean>((resolve) => {
      const end = (again: boolean) => {
        clearTimeout(timer);
        removeEventListener("online", online);
        resolve(again);
      };
      const online = () => end(true);
      const timer = setTimeout(() => end(true), RETRY_MS);
      addEventListener("online", online);
      signal.addEventListener("abort", () => end(false), { once: true });
      if (signal.aborted) end(false);
    });

  const start = (o: Outgoing) => {
    const lease = o.lease.lease;
    const stop = new AbortController();
    const done = deliver(o, { signal: stop.signal }).then((what) => {
      waiting.delete(lease);
      if (!waiting.size) trouble = undefined;
      if (late.delete(lease) && what.kind === "stored") arrived += 1;
      finished.set(lease, what);
      changed();
      tell(o, what);
      return what;
    });
    waiting.set(lease, { sent: o, done, cancel: () => stop.abort() });
    changed();
  };
  for (const [, o] of kept.all()) start(o);
  return {
    add: (o) => {
      if (!late.size) arrived = 0; // said long enough
      kept.put(o.lease.lease, o);
      start(o);
    },
    takeBack: async (lease) => {
      const on = waiting.get(lease);
      on?.cancel();
      if (!on) return { what: finished.get(lease) ?? { kind: "cancelled" } };
      return { what: await on.done, sent: on.sent };
    },
    listen: (l) => {
      listener = l;
      for (const [o, what] of untold.splice(0)) tell(o, what);
      return () => {
        if (listener === l) listener = undefined;
      };
    },
    leases: () => [...waiting.keys()],
    subscribe: (l) => {
      subscribers.add(l);
      return () => subscribers.delete(l);
    },
    size: () => waiting.size,
    arrived: () => arrived,
    trouble: () => trouble,
  };
}
