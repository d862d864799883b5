/**
 * The answer in the making. Every change is in the browser at once and on the server within a second; it comes back
 * after a reload, in another window or on another device. The last writer stands, and nobody is overwritten in silence.
 */
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { z } from "zod";
import type { Beside, Lease } from "@tiller/schema";
import { type Draft, initialValue } from "@tiller/task";
import { ApiError, api } from "../api.ts";
import type { Clock, Time } from "./active-time.ts";
import { type Shelf, shelf } from "./kept.ts";

const SAVE_MS = 700;
const RETRY_MS = 2000;
const KEEPALIVE_BYTES = 50_000;
/** Read for longer than this, a task counts as begun: its time is kept with it. */
export const BEGUN_SECONDS = 60;

const Kept = z.object({
  value: z.record(z.string(), z.unknown()),
  base: z.number(),
  dirty: z.boolean(),
  activeSeconds: z.number(),
  idleSeconds: z.number(),
  at: z.number(),
});
type Kept = z.infer<typeof Kept>;
export const draftShelf = (person: string): Shelf<Kept> => shelf(`tiller-draft/${person}`, Kept);

/** A task in this window. */
export interface InHand {
  readonly lease: Lease;
  readonly beside: Beside;
  /** what the server said against the answer */
  readonly problems?: readonly string[];
  /** an answer that came back: it stands over the drafts */
  readonly restored?: { readonly value: Draft } & Time;
  /** taken back once: see Outgoing */
  readonly replace?: boolean;
  /** what became of it elsewhere */
  readonly gone?: "answered" | "skipped" | "expired" | undefined;
  /** counts how often it came back: each time it starts afresh */
  readonly times?: number;
}

export interface Start extends Time {
  readonly value: Draft;
  readonly base: number;
  readonly dirty: boolean;
}
/** Where the form starts: at what came back, at what this browser kept, at the server's draft, or empty. */
export function startOf({ lease, beside, restored }: InHand, kept: Kept | undefined): Start {
  const saved = beside.draft;
  const base = Math.max(saved?.revision ?? 0, kept?.base ?? 0);
  const time = {
    activeSeconds: Math.max(saved?.activeSeconds ?? 0, kept?.activeSeconds ?? 0),
    idleSeconds: Math.max(saved?.idleSeconds ?? 0, kept?.idleSeconds ?? 0),
  };
  if (restored) return { ...time, ...restored, base, dirty: true };
  if (kept && (kept.dirty || kept.base >= (saved?.revision ?? 0)))
    return { ...time, value: kept.value, base: kept.base, dirty: kept.dirty };
  const value = initialValue(lease.view, lease.input, saved?.value ?? lease.draft);
  return { ...time, value, base, dirty: false };
}

export type SaveState =
  | { kind: "untouched" }
  | { kind: "saving" }
  | { kind: "saved"; at: string }
  | { kind: "kept"; why: string };

export interface DraftHandle {
  readonly value: Draft;
  readonly state: SaveState;
  /** another window's version: taken over by this one, or standing under it */
  readonly other: { value: Draft; savedAt: string; adopted: boolean } | undefined;
  readonly set: (value: Draft) => void;
  /** changes places with the other version */
  readonly exchange: () => void;
  readonly dismiss: () => void;
  /** the server's draft is at this revision, by that window */
  readonly heard: (revision: number, tab: string | null) => void;
  /** no more saving: the answer is on its way */
  readonly close: () => void;
}

export function useDraft(
  item: InHand,
  start: Start,
  o: { person: string; tab: string; clock: Clock },
): DraftHandle {
  const { person, tab, clock } = o;
  const { lease } = item;
  const id = lease.lease;
  const shelfOf = useMemo(() => draftShelf(person), [person]);
  const [value, show] = useState(start.value);
  const [state, setState] = useState<SaveState>(
    item.beside.draft ? { kind: "saved", at: item.beside.draft.savedAt } : { kind: "untouched" },
  );
  const [other, setOther] = useState<DraftHandle["other"]>();
  const now = useRef({
    value: start.value,
    base: start.base,
    dirty: start.dirty,
    busy: false,
    closed: false,
    timer: undefined as ReturnType<typeof setTimeout> | undefined,
  });

  const keep = useCallback(() => {
    const { value, base, dirty, closed } = now.current;
    if (!closed) shelfOf.put(id, { value, base, dirty, ...clock.read(), at: Date.now() });
  }, [shelfOf, id, clock]);
  const save = useCallback(
    async (leaving = false) => {
      const n = now.current;
      clearTimeout(n.timer);
      n.timer = undefined;
      if (n.busy || n.closed || !n.dirty) return;
      n.busy = true;
      const sent = n.value;
      let wait = SAVE_MS;
      setState((s) => (s.kind === "kept" ? s : { kind: "saving" }));
      try {
        const body = { lease: id, value: sent, base: n.base, tab, ...clock.read() };
        const reply = await api.saveDraft({
          body,
          // what is sent while a page goes away has this limit
          keepalive: leaving && JSON.stringify(sent).length < KEEPALIVE_BYTES,
        });
        n.base = reply.revision;
        if (n.value === sent) n.dirty = false;
        keep();
        setState({ kind: "saved", at: reply.savedAt });
        const theirs =
          reply.replaced && initialValue(lease.view, lease.input, reply.replaced.value);
        if (reply.replaced && theirs && JSON.stringify(theirs) !== JSON.stringify(sent)) {
          setOther({ value: theirs, savedAt: reply.replaced.savedAt, adopted: false });
        }
      } catch (e) {
        n.closed = e instanceof ApiError && e.code === "lease_over"; // the next beat says why
        wait = RETRY_MS;
        const why = e instanceof ApiError ? e.message : "The server cannot be reached.";
        setState({ kind: "kept", why });
      }
      n.busy = false;
      if (n.dirty && !n.closed) n.timer ??= setTimeout(() => void save(), wait);
    },
    [id, tab, clock, keep, lease.view, lease.input],
  );

  const set = useCallback(
    (next: Draft) => {
      const n = now.current;
      n.value = next;
      n.dirty = true;
      show(next);
      keep();
      if (!n.closed) n.timer ??= setTimeout(() => void save(), SAVE_MS);
    },
    [keep, save],
  );
  useEffect(() => {
    const n = now.current;
    if (n.dirty) void save();
    const leaving = () => {
      n.dirty ||= clock.read().activeSeconds >= BEGUN_SECONDS;
      keep();
      void save(true);
    };
    addEventListener("pagehide", leaving);
    addEventListener("online", leaving);
    return () => {
      removeEventListener("pagehide", leaving);
      removeEventListener("online", leaving);
      leaving();
    };
  }, [keep, save, clock]);

  const heard = useCallback(
    (revision: number, by: string | null) => {
      const n = now.current;
      keep(); // the time too
      if (revision <= n.base || by === tab || n.dirty || n.busy || n.closed) return;
      void api
        .getDraft({ lease: id })
        .then((theirs) => {
          if (n.dirty || n.closed) return; // the next save will tell
          const mine = n.value;
          n.base = theirs.revision;
          n.value = initialValue(lease.view, lease.input, theirs.value);
          show(n.value);
          keep();
          setOther({ value: mine, savedAt: theirs.savedAt, adopted: true });
          setState({ kind: "saved", at: theirs.savedAt });
        })
        .catch(() => {}); // the next beat asks again
    },
    [id, tab, keep, lease.view, lease.input],
  );
  const close = useCallback(() => {
    now.current.closed = true;
    clearTimeout(now.current.timer);
  }, []);
  const exchange = () => {
    if (!other) return;
    const mine = now.current.value;
    set(other.value);
    setOther({ ...other, value: mine, adopted: !other.adopted });
  };
  return { value, state, other, set, exchange, dismiss: () => setOther(undefined), heard, close };
}
