/**
 * What the requests of this page say about the server and the session: away, and from when; ended. Every request of the
 * page goes through `fetchHere`, so that whatever was tried last tells. What a page shows stays; a look every two seconds
 * finds the server back.
 */
import { useSyncExternalStore } from "react";
import { base } from "./base.ts";

const LOOK_MS = 2000;
export type Connection = "here" | "away" | "ended";

let person: string | undefined;
let state: Connection = "here";
const heard = new Set<() => void>();
function become(next: Connection): void {
  if (next === state) return;
  state = next;
  if (state === "away") setTimeout(() => void look(), LOOK_MS);
  for (const tell of heard) tell();
}
async function look(): Promise<void> {
  const found = await fetch("/healthz").then(
    (r) => r.ok,
    () => false,
  );
  if (state !== "away") return;
  if (found) become("here");
  else setTimeout(() => void look(), LOOK_MS);
}

/** Whose page this is from now on: the server lets nobody else act from it. */
export const openedBy = (id: string): void => {
  person = id;
};

/** Nothing answers there: what stands before Tiller, a proxy say, says so by these. */
const absent = new Set([502, 504]);

export const fetchHere: typeof fetch = async (input, init) => {
  const headers = new Headers(init?.headers);
  if (person) headers.set("tiller-person", person);
  let reply: Response;
  try {
    reply = await fetch(input, { ...init, headers });
  } catch (cause) {
    if (init?.signal?.aborted) throw cause;
    become("away");
    throw new Error("Tiller does not answer. What you typed stays; try again in a moment.", {
      cause,
    });
  }
  if (absent.has(reply.status)) become("away");
  else if (reply.status === 401 && person) become("ended");
  else if (state === "away" || (state === "ended" && reply.ok && reply.url.endsWith("/api/me")))
    become("here");
  return reply;
};
/** The same for an address of the server's, without the person's part: `/v1/models`. */
export const fetchAt = (path: string, init?: RequestInit) => fetchHere(base + path, init);

const subscribe = (tell: () => void) => {
  heard.add(tell);
  return () => heard.delete(tell);
};
export const useConnection = (): Connection =>
  useSyncExternalStore(
    subscribe,
    () => state,
    () => state,
  );
/** Told of each change. */
export const onConnection = (tell: (now: Connection) => void): (() => void) =>
  subscribe(() => tell(state));
