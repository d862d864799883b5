/** One checkpoint's process as the server sees it: what waits for it, whether it lives, and what is done when it does not. */
import { type ChildProcess, fork } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { type Asked, Outbox, type Part } from "./sampler-messages.ts";

export interface ProcessOptions {
  /** how long a process that has loaded its model may say nothing, in checks, and the time between two of them */
  readonly misses?: number;
  readonly checkMs?: number;
}
const MISSES = 60;
const CHECK_MS = 1000;
const LOAD_MS = 60_000; // and for each gigabyte of the folder:
const LOAD_MS_A_GB = 60_000;
const CRASHES = 2; // a request that was with so many processes when they ended is refused

interface Job {
  readonly asked: Asked;
  readonly hear: (p: Part) => void;
  /** processes that ended while they had it */
  crashes: number;
  /** ids told so far: a second try gives the same again, and goes on behind them */
  readonly told: number[];
  at: number;
  began: boolean;
}

export class ModelProcess implements Disposable {
  readonly #path: string;
  readonly #options: ProcessOptions;
  #child: ChildProcess;
  #watch: NodeJS.Timeout;
  #loaded = false;
  #misses = 0;
  #disposed = false;
  #why = "";
  readonly #waiting: Job[] = [];
  readonly #sent = new Map<number, Job>();
  /** set: it takes no new requests, and ends when it has answered */
  leaving = false;
  readonly gone: Promise<void>;
  readonly #leave: () => void;

  constructor(folder: string, o: ProcessOptions) {
    this.#path = folder;
    this.#options = o;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.gone = promise;
    this.#leave = resolve;
    this.#child = this.#start();
    this.#watch = this.#watching();
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  #start(): ChildProcess {
    this.#loaded = false;
    this.#misses = 0;
    this.#why = "";
    const file = fileURLToPath(new URL("./sampler-child.ts", import.meta.url));
    const child = fork(file, [this.#path], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    child.on("message", (raw) => this.#take(raw));
    child.on("error", (e) => (this.#why ||= e.message)); // "close" follows, or there is no process
    child.on("close", (code, signal) => this.#ended(child, signal ?? `code ${code}`));
    return child;
  }

  /** A process that says nothing for too long is ended. Checks are counted, as a machine that slept was silent too. */
  #watching(): NodeJS.Timeout {
    const { misses = MISSES, checkMs = CHECK_MS } = this.#options;
    const loading = Math.ceil((LOAD_MS + LOAD_MS_A_GB * gigabytesIn(this.#path)) / checkMs);
    const timer = setInterval(() => {
      if (++this.#misses <= (this.#loaded ? misses : Math.max(misses, loading))) return;
      this.#why = `it did nothing for ${Math.round((this.#misses * checkMs) / 1000)} s`;
      this.#child.kill("SIGKILL");
    }, checkMs);
    return timer.unref();
  }

  #take(raw: unknown): void {
    const message = Outbox.safeParse(raw);
    if (!message.success) {
      // our own bug: say so to whom it concerns
      const request = (raw as { request?: unknown } | null)?.request;
      const job = typeof request === "number" ? this.#sent.get(request) : undefined;
      if (job)
        this.#refuse(job, "internal", `a reply has a wrong shape: ${message.error.message}.`);
      return;
    }
    // loading blocks the process: no beat counts until it is done
    if ("loaded" in message.data) {
      this.#misses = 0;
      this.#loaded = message.data.loaded;
    }
    if (this.#loaded) this.#misses = 0;
    if ("request" in message.data) this.#tell(message.data);
  }

  #tell(part: Part): void {
    const job = this.#sent.get(part.request);
    if (!job) return; // cancelled
    const fresh = part.tokens.filter((t) => {
      if (job.at === job.told.length) job.told.push(t.id);
      else if (job.told[job.at] === t.id) return void job.at++;
      else job.crashes = Infinity; // another way than before: what was told cannot be taken back
      job.at++;
      return true;
    });
    if (job.crashes === Infinity) return this.#crashed(job);
    const first = !job.began;
    job.began = true;
    const { prompt, promptTokens, ...rest } = part;
    if (first || fresh.length || part.finish || part.error)
      job.hear({ ...rest, tokens: fresh, ...(first && { prompt, promptTokens }) });
    if (part.finish || part.error) this.#done(part.request);
  }
  #done(request: number): void {
    this.#sent.delete(request);
    this.#pump();
  }
  #refuse(job: Job, code: string, message: string): void {
    const { request } = job.asked;
    job.hear({ request, tokens: [], error: { code, message } });
    this.#done(request);
  }
  #crashed(job: Job): void {
    this.#refuse(
      job,
      "sampler_crashed",
      `the process of the model ended while it answered (${this.#why}). Send the request again.`,
    );
  }

  #ended(child: ChildProcess, how: string): void {
    if (child !== this.#child || this.#disposed) return;
    this.#why ||= `it ended by ${how}`;
    const jobs = [...this.#sent.values()];
    if (!this.#loaded) {
      for (const job of [...jobs, ...this.#waiting.splice(0)])
        this.#refuse(
          job,
          "model_failed",
          `the model in ${this.#path} could not be loaded: its process failed (${this.#why}). Look whether it fits in the memory and whether its files are whole (tiller model show); then try again.`,
        );
      return this[Symbol.dispose]();
    }
    console.error(
      `the process of the model in ${this.#path} is replaced: ${this.#why}; ${jobs.length} requests were with it`,
    );
    this.#sent.clear();
    for (const job of jobs) {
      job.crashes++;
      job.at = 0;
    }
    const lost = jobs.filter((job) => job.crashes >= CRASHES);
    this.#waiting.unshift(...jobs.filter((job) => !lost.includes(job)));
    for (const job of lost) {
      const { request } = job.asked;
      const message = `the process of the model ended twice while it answered this request (${this.#why}). Change the request, or look at the server's log.`;
      job.hear({ request, tokens: [], error: { code: "sampler_crashed", message } });
    }
    this.#child = this.#start();
    this.#pump();
  }

  /** Sends what waits: all of it, or one at a time while some of it may have ended a process. */
  #pump(): void {
    const suspects = [...this.#sent.values(), ...this.#waiting].some((job) => job.crashes > 0);
    while (this.#waiting.length && (!suspects || this.#sent.size === 0)) {
      const job = this.#waiting.shift()!;
      this.#sent.set(job.asked.request, job);
      // the error of a pipe that just closed is the "close" that follows
      if (this.#child.connected) this.#child.send(job.asked, () => {});
    }
    if (this.leaving && !this.#disposed && !this.#sent.size && !this.#waiting.length)
      this[Symbol.dispose]();
  }

  add(asked: Asked, hear: (p: Part) => void): void {
    this.#waiting.push({ asked, hear, crashes: 0, told: [], at: 0, began: false });
    this.#pump();
  }

  cancel(request: number): void {
    const at = this.#waiting.findIndex((job) => job.asked.request === request);
    if (at >= 0) this.#waiting.splice(at, 1);
    else if (this.#sent.has(request) && this.#child.connected)
      this.#child.send({ cancel: request }, () => {});
    this.#done(request);
  }

  leave(): void {
    this.leaving = true;
    this.#pump();
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.leaving = true;
    clearInterval(this.#watch);
    this.#child.kill("SIGKILL");
    this.#why = "the server stops";
    for (const job of this.#waiting.splice(0)) this.#crashed(job);
    for (const job of this.#sent.values()) this.#crashed(job);
    this.#leave();
  }
}

function gigabytesIn(folder: string): number {
  try {
    return readdirSync(folder).reduce((n, f) => n + statSync(path.join(folder, f)).size, 0) / 1e9;
  } catch {
    return 0; // loading it says what is wrong
  }
}
