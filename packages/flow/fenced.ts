/**
 * Workflows in a process of their own, as the server sees it: the same flow, spoken to over IPC. When the process ends,
 * whoever ended it is found and named, and a new one goes on with the experiments; an experiment that does it twice is
 * set aside.
 */
import { type ChildProcess, fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { closeSync, openSync, rmSync } from "node:fs";
import path from "node:path";
import { ExperimentId, type KnownWorkflow, type Recording, TillerError } from "@tiller/schema";
import { declareDead, patient, type Store } from "@tiller/store";
import { strikeExperiment } from "./holds.ts";
import type { FlowServer } from "./server.ts";
import { FromChild, type Method, packArgs, packError, type ToChild, unpackError } from "./wire.ts";
import { type LastWords, readWords } from "./words.ts";

/** A process that says nothing for so many seconds is ended from outside: its own watchdog failed. */
const SILENT_SECONDS = 600;
/** How long a call waits for a process that can take it. */
const PATIENCE_MS = 60_000;
const STOP_MS = 10_000;
/** Between the end of a process and the next: longer when it did not live. */
const PAUSES_MS = [100, 1000, 3000, 10_000, 30_000];
const LIVED_MS = 60_000;

/** Told to the process when it starts, beside what its own module needs. */
export interface ChildStart {
  /** it keeps books of whose code runs */
  readonly exact: boolean;
  /** what may not be done again, because it ended a process: in the words of `doing` */
  readonly avoid: readonly string[];
}
interface Call {
  readonly id: number;
  readonly method: Method;
  readonly args: unknown[];
  readonly resolve: (value: unknown) => void;
  readonly reject: (e: Error) => void;
  sent: number;
  timer: NodeJS.Timeout | undefined;
}
/** What may be asked again when nobody knows whether it happened. */
const again = new Set<Method>([
  "check",
  "asks",
  "start",
  "wait",
  "lookForMissed",
  "cancel",
  "hold",
  "release",
  "record",
]);
const TRIES = 2;

export interface FencedOptions {
  readonly store: Store;
  /** the module of the process, and how it is started */
  readonly module: string;
  readonly args: (start: ChildStart) => unknown;
  /** what only this process can do for it, part by part */
  readonly serve: (what: unknown, signal: AbortSignal) => AsyncIterable<unknown>;
  /** lines for whoever started the server */
  readonly say: (line: string) => void;
}
export interface FencedFlow extends FlowServer {
  /** Resolves when the first process runs workflows; rejects when it cannot. */
  ready(): Promise<void>;
}

export function fenceFlow(o: FencedOptions): FencedFlow {
  const fence = new Fence(o);
  const call = fence.call.bind(fence) as <T>(method: Method, ...args: unknown[]) => Promise<T>;
  return {
    ready: () => fence.first,
    workflows: () => fence.workflows,
    check: (name, input) => call("check", name, input),
    asks: (name, input) => call("asks", name, input),
    // its id is made here: asked twice, it is one experiment
    start: async (def, input, s = {}) => {
      const name = typeof def === "string" ? def : def.name;
      const id = s.id ?? `${name.split("@")[0]}-${randomUUID().slice(0, 8)}`;
      return ExperimentId.parse(await call("start", name, input, { ...s, id }));
    },
    wait: (id) => call("wait", id),
    answered: ({ batch, done }) => fence.send({ type: "answered", batch, done }),
    // a process that is being started looks by itself
    lookForMissed: async () => (fence.isReady ? call("lookForMissed") : undefined),
    fork: (f) => call("fork", f),
    rewind: (f) => call("rewind", f),
    reask: (f) => call("reask", f),
    cancel: (f) => call("cancel", f),
    hold: (f) => call("hold", f),
    release: (f) => call("release", f),
    record: (experiment, r) => call<Recording>("record", experiment, r),
    migrate: (f) => call("migrate", f),
    close: () => fence.close(),
  };
}

class Fence {
  readonly #o: FencedOptions;
  readonly #file: string;
  readonly #calls = new Map<number, Call>();
  #ids = 0;
  #child: ChildProcess | undefined;
  isReady = false;
  #executor: string | undefined;
  #began = 0;
  #silent = 0;
  #short = 0; // processes in a row that did not live
  #starts = 0;
  #exact = false;
  #avoid: string[] = [];
  #wanted = false; // its end
  #closing = false;
  #ended: Promise<void> = Promise.resolve();
  #next: NodeJS.Timeout | undefined;
  readonly #watch: NodeJS.Timeout;
  readonly first: Promise<void>;
  #up: () => void = () => {};
  #never: (e: Error) => void = () => {};
  workflows: KnownWorkflow[] = [];

  constructor(o: FencedOptions) {
    this.#o = o;
    this.#file = path.join(o.store.home, `flow-${process.pid}.words`);
    this.first = new Promise((resolve, reject) => {
      this.#up = resolve;
      this.#never = reject;
    });
    this.first.catch(() => {}); // whoever asks hears of it
    this.#watch = setInterval(() => {
      if (this.isReady && ++this.#silent > SILENT_SECONDS) this.end();
    }, 1000).unref();
    this.#spawn();
  }

  end(): void {
    this.#child?.kill("SIGKILL");
  }
  send(m: ToChild): void {
    if (this.#child?.connected) this.#child.send(m);
  }

  #spawn(): void {
    const { TILLER_FAULT: faultName, ...environment } = process.env;
    const words = openSync(this.#file, "w", 0o600);
    const start = { exact: this.#exact, avoid: this.#avoid };
    const child = fork(this.#o.module, [JSON.stringify(this.#o.args(start))], {
      stdio: ["ignore", "inherit", "inherit", "ipc", words],
      // a named fault kills the first process only
      env:
        this.#starts++ === 0 && faultName
          ? { ...environment, TILLER_FAULT: faultName }
          : environment,
    });
    closeSync(words);
    this.#child = child;
    this.isReady = false;
    this.#executor = undefined;
    this.#began = performance.now();
    const serving = new Map<number, AbortController>();
    child.on("message", (raw) => {
      const m = FromChild.safeParse(raw);
      if (m.success) this.#hear(m.data, serving); // the rest is no word of ours
    });
    child.on("error", () => {}); // a message that no longer arrives: its end follows
    this.#ended = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        for (const s of serving.values()) s.abort();
        this.isReady = false;
        const lived = performance.now() - this.#began > LIVED_MS;
        void this.#died(signal ?? `code ${code}`).finally(() => {
          resolve();
          this.#short = lived ? 0 : this.#short + 1;
          const pause = PAUSES_MS[Math.min(this.#short, PAUSES_MS.length) - 1] ?? 0;
          if (!this.#closing) this.#next = setTimeout(() => this.#spawn(), pause);
        });
      });
    });
  }

  #hear(m: FromChild, serving: Map<number, AbortController>): void {
    const { store, say } = this.#o;
    this.#silent = 0;
    if (m.type === "hello") this.#executor = m.executor;
    else if (m.type === "again") {
      this.#avoid = [];
      this.#wanted = true;
      this.end();
    } else if (m.type === "ready") {
      this.workflows = m.workflows;
      this.isReady = true;
      this.#up();
      for (const call of this.#calls.values()) this.#pass(call);
    } else if (m.type === "event") store.emit(m.event);
    else if (m.type === "say") for (const line of m.lines) say(line);
    else if (m.type === "result") this.#take(m.id)?.resolve(m.value);
    else if (m.type === "error") this.#take(m.id)?.reject(unpackError(m.error));
    else if (m.type === "failed") {
      const why = unpackError(m.error);
      this.#never(why);
      say(`workflows cannot run: ${why.message}`);
    } else if (m.type === "unwant") serving.get(m.id)?.abort();
    else if (m.type === "want") void this.#serve(m.id, m.what, serving);
  }
  async #serve(id: number, what: unknown, serving: Map<number, AbortController>): Promise<void> {
    const stop = new AbortController();
    serving.set(id, stop);
    try {
      for await (const part of this.#o.serve(what, stop.signal))
        this.send({ type: "part", id, part });
      this.send({ type: "end", id });
    } catch (e) {
      this.send({ type: "end", id, error: packError(e) });
    } finally {
      serving.delete(id);
    }
  }

  // ---- calls
  call(method: Method, ...args: unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const call: Call = {
        id: ++this.#ids,
        method,
        args,
        resolve,
        reject,
        sent: 0,
        timer: undefined,
      };
      this.#calls.set(call.id, call);
      if (this.isReady) this.#pass(call);
      else this.#wait(call);
    });
  }
  #wait(call: Call): void {
    if (call.method === "wait") return; // for as long as the experiment takes
    call.timer = setTimeout(() => this.#take(call.id)?.reject(away()), PATIENCE_MS);
  }
  #pass(call: Call): void {
    clearTimeout(call.timer);
    call.sent++;
    this.send({ type: "call", id: call.id, method: call.method, args: packArgs(call.args) });
  }
  #take(id: number): Call | undefined {
    const call = this.#calls.get(id);
    clearTimeout(call?.timer);
    this.#calls.delete(id);
    return call;
  }

  // ---- when the process has ended
  async #died(how: string): Promise<void> {
    for (const call of this.#calls.values())
      if (
        this.#closing ||
        (call.sent && (!again.has(call.method) || (call.sent >= TRIES && call.method !== "wait")))
      )
        this.#take(call.id)?.reject(this.#closing ? away() : lost(call));
      else if (call.sent) this.#wait(call);
    if (this.#closing) return;
    const { store, say } = this.#o;
    const words = this.#said();
    const why = inWords(words, how);
    const executor = this.#executor;
    const stop = AbortSignal.timeout(PATIENCE_MS);
    try {
      // first the experiments that did it: whoever takes the work over must not take them
      if (this.#wanted) this.#wanted = false;
      else if (words?.experiment) {
        const { experiment } = words;
        const held = await patient(() => strikeExperiment(store.db, experiment, why), stop);
        store.emit({ type: "experiment", id: ExperimentId.parse(experiment) });
        say(
          held
            ? `${experiment} is held, for the process that runs workflows ended by it twice: ${why}. Mend the workflow and release it (tiller experiment release ${experiment}), or cancel it.`
            : `the process that runs workflows ended by ${experiment}: ${why}. It is started again; the next time ${experiment} is held.`,
        );
      } else {
        if (words?.what) this.#avoid.push(words.what);
        else this.#exact = true; // the next one keeps books
        say(`the process that runs workflows ended: ${why}. It is started again.`);
      }
      if (executor) await patient(() => declareDead(store.db, executor), stop);
    } catch (e) {
      say(`what the end of that process left could not be written down: ${(e as Error).message}`);
    }
  }
  #said(): LastWords | undefined {
    try {
      return readWords(this.#file);
    } catch {
      return undefined; // nothing was said
    }
  }

  async close(): Promise<void> {
    this.#closing = true;
    clearInterval(this.#watch);
    clearTimeout(this.#next);
    this.send({ type: "stop" });
    const late = setTimeout(() => this.end(), STOP_MS);
    await this.#ended;
    clearTimeout(late);
    for (const call of this.#calls.values()) this.#take(call.id)?.reject(away());
    this.#never(away());
    rmSync(this.#file, { force: true });
  }
}

const away = () =>
  new TillerError(
    "workflows_away",
    "the process that runs workflows is being started. Nothing is lost; try again in a moment.",
  );
const lost = (c: Call) =>
  new TillerError(
    "workflows_lost",
    `the process that runs workflows ended while it was asked to ${c.method}. Look in the list of experiments whether it was done, and try again if not.`,
  );

function inWords(words: LastWords | undefined, how: string): string {
  if (!words) return `it ended with ${how}, and nobody knows by whom`;
  const where = words.at ? ` (at ${words.at})` : "";
  const whose = words.what ? `${words.what}${where}` : "it";
  if (words.kind === "silent")
    return `${whose} gave nothing else a turn for ${words.seconds} seconds; long computing belongs into a job (flow.job)`;
  if (words.kind === "memory")
    return `${whose} took the memory (${words.megabytes} MB in all); what is large belongs into a job or a file`;
  return `${whose} ran last when it ended with ${how}`;
}
