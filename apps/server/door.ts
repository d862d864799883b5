/**
 * Replies that go on for long (live events, streamed completions, downloads) end when the person's right to them does:
 * signed out, a role changed, an account closed, a key revoked, on whichever server that was done. The database tells all
 * servers (migration 019); a look every half minute ends what ran out by its age.
 */
import type { Role } from "@tiller/schema";
import { standingOf, type Store } from "@tiller/store";

const LOOK_MS = 30_000;
/** Live events a person may have open at once: a browser holds six to one host. */
const STREAMS = 24;

export interface Visit {
  readonly person: string;
  readonly token: string;
  readonly kinds: readonly ("key" | "session")[];
  readonly rule: readonly Role[];
}

export class Door {
  readonly #open = new Map<AbortController, Visit>();
  readonly #store: Store;
  constructor(store: Store) {
    this.#store = store;
    store.holder.listen("door", (person) => void this.#look(person));
    store.holder.onBack(() => void this.#look()); // words may have been missed
    setInterval(() => void this.#look(), LOOK_MS).unref();
  }
  async #look(person?: string): Promise<void> {
    for (const [stream, v] of this.#open) {
      if (person !== undefined && v.person !== person) continue;
      // a database that is away says nothing about anybody: the next look does
      const stands = await standingOf(this.#store.db, v.token, v.kinds).catch(() => v);
      const role = "role" in (stands ?? {}) ? (stands as { role: Role }).role : undefined;
      if (!stands || (role && !v.rule.includes(role))) stream.abort();
    }
  }
  /** Whether this person may open one more. */
  hasRoom(person: string): boolean {
    let open = 0;
    for (const v of this.#open.values()) if (v.person === person) open++;
    return open < STREAMS;
  }
  /** The reply, which ends with the right to it. */
  watch(reply: Response, v: Visit): Response {
    if (!reply.body) return reply;
    const events = reply.headers.get("content-type")?.includes("event-stream") ?? false;
    const over = new AbortController();
    const reader = reply.body.getReader();
    const left = () => this.#open.delete(over);
    this.#open.set(over, v);
    const body = new ReadableStream<Uint8Array>({
      start: (out) => {
        over.signal.addEventListener("abort", () => {
          left();
          // a download that ends in the middle must not look whole
          if (events) out.close();
          else out.error(new Error("signed out"));
          void reader.cancel().catch(() => {});
        });
      },
      pull: async (out) => {
        const { done, value } = await reader.read();
        if (over.signal.aborted) return;
        if (!done) return out.enqueue(value);
        left();
        out.close();
      },
      cancel: async (why) => {
        left();
        await reader.cancel(why);
      },
    });
    return new Response(body, { status: reply.status, headers: reply.headers });
  }
}
