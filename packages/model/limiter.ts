/**
 * How fast one model is asked: a first-in-first-out queue before a number of places, and token buckets for requests
 * and tokens a minute. A 429 pauses the model for as long as the endpoint asks and halves the places; replies bring
 * them back one by one (additive increase, multiplicative decrease). Limits
 * here are this process's; those of all processes together are in shared-rate.ts.
 */

/** A bucket of what may be used at once (ten seconds' worth), filled evenly. It may go into debt, and then waits. */
export class Bucket {
  readonly #perMs: number;
  readonly #capacity: number;
  #level: number;
  #at: number;
  constructor(perMinute: number, now: number) {
    this.#perMs = perMinute / 60_000;
    this.#capacity = Math.max(1, perMinute / 6);
    this.#level = this.#capacity;
    this.#at = now;
  }
  #fill(now: number): void {
    this.#level = Math.min(this.#capacity, this.#level + (now - this.#at) * this.#perMs);
    this.#at = now;
  }
  /** ms until `n` may be taken; more than fits at all waits for a full bucket. */
  wait(n: number, now: number): number {
    this.#fill(now);
    const missing = Math.min(n, this.#capacity) - this.#level;
    return missing <= 1e-9 ? 0 : Math.max(1, Math.ceil(missing / this.#perMs));
  }
  /** Takes `n`, or gives back where negative. */
  take(n: number, now: number): void {
    this.#fill(now);
    this.#level = Math.min(this.#capacity, this.#level - n);
  }
}

interface Waiting {
  readonly tokens: number;
  readonly start: () => void;
}
export interface Place {
  /** Ends the request; `tokens` it really used. */
  done(tokens?: number): void;
}

export class Limiter {
  readonly #most: number;
  readonly #now: () => number;
  readonly #requests: Bucket | undefined;
  readonly #tokens: Bucket | undefined;
  readonly #queue: Waiting[] = [];
  #places: number;
  #running = 0;
  #goodSince = 0;
  #pausedUntil = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(o: {
    concurrency: number;
    requestsPerMinute?: number | undefined;
    tokensPerMinute?: number | undefined;
    now: () => number;
  }) {
    this.#most = this.#places = o.concurrency;
    this.#now = o.now;
    const bucket = (rate: number | undefined) =>
      rate === undefined ? undefined : new Bucket(rate, o.now());
    this.#requests = bucket(o.requestsPerMinute);
    this.#tokens = bucket(o.tokensPerMinute);
  }

  /** Waits for a turn. `again`: a further attempt of a request that had its turn goes before the others. */
  acquire(o: { tokens: number; signal: AbortSignal; again: boolean }): Promise<Place> {
    return new Promise((resolve, reject) => {
      const { signal } = o;
      if (signal.aborted) return reject(signal.reason as Error);
      const waiting: Waiting = {
        tokens: o.tokens,
        start: () => {
          signal.removeEventListener("abort", cancel);
          resolve(this.#place(o.tokens));
        },
      };
      const cancel = () => {
        this.#queue.splice(this.#queue.indexOf(waiting), 1);
        reject(signal.reason as Error);
        this.#pump();
      };
      signal.addEventListener("abort", cancel, { once: true });
      if (o.again) this.#queue.unshift(waiting);
      else this.#queue.push(waiting);
      this.#pump();
    });
  }

  /** The endpoint said it is too much. */
  slowDown(retryAfterMs: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#now() + retryAfterMs);
    this.#places = Math.max(1, Math.floor(this.#places / 2));
    this.#goodSince = 0;
  }

  state(): { running: number; waiting: number; places: number; pausedMs: number } {
    return {
      running: this.#running,
      waiting: this.#queue.length,
      places: this.#places,
      pausedMs: Math.max(0, this.#pausedUntil - this.#now()),
    };
  }

  #place(reserved: number): Place {
    let open = true;
    return {
      done: (used) => {
        if (!open) return;
        open = false;
        this.#running--;
        if (used !== undefined) {
          this.#tokens?.take(used - reserved, this.#now());
          if (this.#places < this.#most && ++this.#goodSince >= this.#places) {
            this.#places++;
            this.#goodSince = 0;
          }
        }
        this.#pump();
      },
    };
  }

  #pump(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (this.#queue.length && this.#running < this.#places) {
      const now = this.#now();
      const { tokens, start } = this.#queue[0];
      const wait = Math.max(
        this.#pausedUntil - now,
        this.#requests?.wait(1, now) ?? 0,
        this.#tokens?.wait(tokens, now) ?? 0,
      );
      if (wait > 0) {
        this.#timer = setTimeout(() => this.#pump(), wait);
        return;
      }
      this.#requests?.take(1, now);
      this.#tokens?.take(tokens, now);
      this.#queue.shift();
      this.#running++;
      start();
    }
  }
}
