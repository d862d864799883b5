/**
 * The tasks in this window: the one in hand and the next, loaded ahead. Windows of one browser keep out of each
 * other's tasks by Web Locks, which end with their window; where there are none, the server's word settles it.
 */
import { useCallback, useEffect, useRef, useState } from "react";
import { ApiError, api } from "../api.ts";
import type { InHand } from "./draft.ts";

const AHEAD = 2;
const ASK_MS = 3000;
const BEAT_MS = 15_000;
const PREFIX = "tiller-lease-";

const held = new Map<string, () => void>(); // leases whose lock this window has
/** True once this window has the lease for itself. */
export function claim(lease: string): Promise<boolean> {
  if (held.has(lease) || !navigator.locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    void navigator.locks.request(PREFIX + lease, { ifAvailable: true }, (lock) => {
      if (!lock) return resolve(false);
      return new Promise<void>((release) => {
        held.set(lease, release);
        resolve(true);
      });
    });
  });
}
/** Other windows may have it now. */
export const letGo = (lease: string): void => {
  held.get(lease)?.();
  held.delete(lease);
};
async function claimedAnywhere(): Promise<string[]> {
  const all = (await navigator.locks?.query())?.held ?? [];
  return all.flatMap(({ name }) => (name?.startsWith(PREFIX) ? [name.slice(PREFIX.length)] : []));
}

export interface Queue {
  readonly items: readonly InHand[];
  /** "elsewhere": all that this person may hold is open in other windows */
  readonly state: "loading" | "ready" | "empty" | "elsewhere";
  /** why there is nothing, in the server's words */
  readonly why: string;
  readonly error: Error | undefined;
  /** out of this window's sight; `letGo` once it is done with */
  readonly remove: (lease: string) => void;
  readonly front: (item: InHand) => void;
  readonly patch: (change: (item: InHand) => InHand) => void;
  readonly retry: () => void;
}

/** The page is left: what nobody began goes back, for others. It outlives the page. */
const leave = (leases: readonly string[], o: { soon: boolean }): void => {
  if (leases.length)
    void api.leaveTasks({ body: { leases: [...leases], ...o }, keepalive: true }).catch(() => {}); // else they run out
};

export function useQueue(o: {
  /** leases of answers that are on their way */
  sending: () => string[];
  active: () => boolean;
  /** something was done or written on it, or it was read for long */
  begun: (item: InHand) => boolean;
  heard: (lease: string, revision: number, tab: string | null) => void;
}): Queue {
  const [items, setItems] = useState<readonly InHand[]>([]);
  const [state, setState] = useState<Queue["state"]>("loading");
  const [why, setWhy] = useState("");
  const [error, setError] = useState<Error>();
  const asking = useRef(false);
  const returns = useRef(0);
  const now = useRef({ items, ...o });
  now.current = { items, ...o };

  const fill = useCallback(async () => {
    if (asking.current || now.current.items.length >= AHEAD) return;
    asking.current = true;
    try {
      const others = new Set(await claimedAnywhere());
      for (let attempt = 0; attempt < 4; attempt++) {
        const mine = [...now.current.items.map((i) => i.lease.lease), ...now.current.sending()];
        const holding = [...new Set([...others, ...mine])].slice(-16);
        const next = await api.nextTask({ body: { holding } });
        setError(undefined);
        if (next.kind === "empty") {
          setState("empty");
          setWhy(next.message);
          break;
        }
        const id = next.lease.lease;
        if (!(await claim(id))) {
          others.add(id);
          continue;
        }
        const item = { lease: next.lease, beside: next.beside };
        setItems((q) => (q.some((i) => i.lease.lease === id) ? q : [...q, item]));
        setState("ready");
        break;
      }
    } catch (e) {
      if (e instanceof ApiError && e.code === "too_many_leases") setState("elsewhere");
      else setError(e as Error);
    } finally {
      asking.current = false;
    }
  }, []);
  useEffect(() => {
    queueMicrotask(() => void fill());
    const timer = setInterval(() => void fill(), ASK_MS);
    return () => clearInterval(timer);
  }, [items.length, fill]);
  useEffect(() => {
    const untouched = () =>
      now.current.items.filter((i) => !now.current.begun(i)).map((i) => i.lease.lease);
    const leaving = () => leave(untouched(), { soon: true });
    addEventListener("pagehide", leaving);
    return () => {
      removeEventListener("pagehide", leaving);
      leave(untouched(), { soon: false });
      for (const { lease } of now.current.items) letGo(lease.lease);
    };
  }, []);

  // a sign of life: renews the leases, and tells what happened to them in other windows
  const beat = useCallback(async () => {
    const leases = now.current.items.map((i) => i.lease.lease);
    if (!leases.length) return;
    const active = now.current.active();
    try {
      const reply = await api.beat({ body: { leases, active } });
      setError(undefined);
      const states = new Map(reply.leases.map((l) => [l.lease as string, l]));
      setItems((q) =>
        q.flatMap((item, place) => {
          const is = states.get(item.lease.lease)?.state ?? "live";
          if (is === "live") return item.gone ? [{ ...item, gone: undefined }] : [item];
          if (is === "expired" && !active) return [item];
          if (place === 0) return [{ ...item, gone: is }];
          letGo(item.lease.lease);
          return [];
        }),
      );
      for (const l of reply.leases) now.current.heard(l.lease, l.revision, l.tab);
    } catch (e) {
      setError(e as Error);
    }
  }, []);
  useEffect(() => {
    const timer = setInterval(() => void beat(), BEAT_MS);
    const back = () => void (document.hidden ? undefined : beat());
    document.addEventListener("visibilitychange", back);
    addEventListener("focus", back);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", back);
      removeEventListener("focus", back);
    };
  }, [beat]);

  const remove = useCallback((lease: string) => {
    setItems((q) => q.filter((i) => i.lease.lease !== lease));
  }, []);
  const front = useCallback((item: InHand) => {
    void claim(item.lease.lease);
    returns.current += 1;
    const back = { ...item, times: returns.current };
    setItems((q) => [back, ...q.filter((i) => i.lease.lease !== item.lease.lease)]);
    setState("ready");
  }, []);
  const patch = useCallback(
    (change: (item: InHand) => InHand) => setItems((q) => q.map(change)),
    [],
  );
  const retry = useCallback(() => {
    setError(undefined);
    void fill();
  }, [fill]);
  return { items, state, why, error, remove, front, patch, retry };
}
