/**
 * The process that runs workflows, seen from inside: it serves the flow to its parent and raises the fence around what
 * workflows do. It dies with its parent.
 */
import { createHook } from "node:async_hooks";
import { writeSync } from "node:fs";
import { getHeapStatistics } from "node:v8";
import { Worker } from "node:worker_threads";
import { type LiveEvent, TillerError } from "@tiller/schema";
import type { Store } from "@tiller/store";
import { isControl } from "./failures.ts";
import { doer, doing } from "./fence.ts";
import { forbid, forbidEnding, lockGlobals } from "./lock.ts";
import type { FlowServer } from "./server.ts";
import { type FromChild, packError, ToChild, unpackArgs, unpackError } from "./wire.ts";
import { type LastWords, WORDS_BYTES } from "./words.ts";

const BEAT_MS = 250;
const BEATS = 4; // of these one goes to the parent
const BOOKS_MS = 600_000; // exact books cost a little: as long as after a death that nobody can be blamed for
export const WORDS_FD = 4; // after the channel to the parent

export interface Parent {
  /** The name of this process among the servers of the database. */
  hello(executor: string): void;
  /** Asks to be started again. */
  again(): void;
  /** Lines for whoever started the server. */
  say(...lines: string[]): void;
  emit(event: LiveEvent): void;
  /** What only the parent can do, part by part. */
  want(what: unknown, signal: AbortSignal): AsyncGenerator<unknown>;
}
interface Opened {
  readonly store: Store;
  readonly flow: FlowServer;
}

export async function serveFlow(
  o: { exact: boolean },
  open: (parent: Parent) => Promise<Opened>,
): Promise<void> {
  const leave: (code: number) => void = process.exit.bind(process);
  process.on("disconnect", () => leave(1)); // the server is gone
  const tell = process.send!.bind(process);
  const send = (m: FromChild) => void (process.connected && tell(m));
  const wanted = new Map<number, { part(p: unknown): void; end(e?: Error): void }>();
  let wants = 0;
  const parent: Parent = {
    hello: (executor) => send({ type: "hello", executor }),
    again: () => send({ type: "again" }),
    say: (...lines) => send({ type: "say", lines }),
    emit: (event) => send({ type: "event", event }),
    async *want(what, signal) {
      const id = ++wants;
      const parts: unknown[] = [];
      let ended: { error?: Error | undefined } | undefined;
      let wake = () => {};
      const end = (error?: Error) => {
        ended = { error };
        wake();
      };
      wanted.set(id, { part: (p) => (parts.push(p), wake()), end });
      const stop = () => end();
      signal.addEventListener("abort", stop, { once: true });
      try {
        send({ type: "want", id, what });
        for (;;) {
          while (!parts.length && !ended && !signal.aborted)
            await new Promise<void>((resolve) => (wake = resolve));
          if (signal.aborted) return;
          if (parts.length) yield parts.shift();
          else if (ended?.error) throw ended.error;
          else return;
        }
      } finally {
        signal.removeEventListener("abort", stop);
        wanted.delete(id);
        send({ type: "unwant", id });
      }
    },
  };
  raise(parent, o.exact, () => send({ type: "beat" }));

  let opened: Opened | undefined;
  const early: ToChild[] = [];
  const act = async (m: ToChild): Promise<void> => {
    const { flow, store } = opened!;
    if (m.type === "call") {
      try {
        const call = flow[m.method] as (...args: unknown[]) => Promise<unknown>;
        const value = await doing({ what: inWords(m) }, () => call(...unpackArgs(m.args)));
        send({ type: "result", id: m.id, value });
      } catch (e) {
        send({ type: "error", id: m.id, error: packError(e) });
      }
    } else if (m.type === "answered") flow.answered(m);
    else if (m.type === "part") wanted.get(m.id)?.part(m.part);
    else if (m.type === "end") wanted.get(m.id)?.end(m.error && unpackError(m.error));
    else {
      await flow.close();
      await Promise.race([store.close(), new Promise((r) => setTimeout(r, 3000))]);
      leave(0);
    }
  };
  process.on("message", (raw) => {
    const m = ToChild.parse(raw);
    if (m.type === "stop" && !opened) leave(0);
    if (!opened && m.type !== "part" && m.type !== "end") early.push(m);
    else void act(m);
  });
  try {
    opened = await open(parent);
  } catch (e) {
    await new Promise<void>((resolve) =>
      tell({ type: "failed", error: packError(e) } satisfies FromChild, () => resolve()),
    );
    return leave(1);
  }
  const { store, flow } = opened;
  forbid(store.pool, "end", "the end of the database's connections");
  forbid(store, "close", "the end of the database's connections");
  store.subscribe((e) => parent.emit(e));
  send({
    type: "ready",
    workflows: flow.workflows().map((w) => ({ ...w, input: w.input as Record<string, unknown> })),
  });
  for (const m of early) void act(m);
}
const inWords = (m: Extract<ToChild, { type: "call" }>): string => {
  const about = m.args[0]?.value;
  return `${m.method} ${typeof about === "string" ? about : JSON.stringify(about)}`.slice(0, 200);
};

/** From now on what workflows do is theirs alone. */
function raise(parent: Parent, exact: boolean, beat: () => void): void {
  const found = () => {
    const d = doer();
    return d && { experiment: d.experiment, what: d.what };
  };
  const here = () => {
    const at = new Error("where").stack
      ?.split("\n")
      .find((l) => /\(?file:|\.ts:|\.js:/.test(l) && !/node_modules|packages\/flow|node:/.test(l));
    const d = found();
    return d && { ...d, at: at?.trim().replace(/^at /, "").slice(0, 300) };
  };
  Object.defineProperty(globalThis, "__tillerDoer", { value: here, writable: false });
  const left = (how: string) => (e: unknown) => {
    if (isControl(e)) return; // of an experiment that was cancelled, held or taken over
    const message = e instanceof Error ? e.message : String(e);
    const d = doer();
    const told = `${how} ${d?.what ?? "no experiment"}: ${message.replace(/\.$/, "")}`;
    d?.fail(
      new TillerError(
        "left_behind",
        `${told}. Await every call and promise, and catch what may fail.`,
      ),
    );
    parent.say(
      d ? `${told}. It fails by it, unless it has ended.` : `${told}\n${(e as Error).stack ?? ""}`,
    );
  };
  process.on("unhandledRejection", left("a promise was rejected that nobody awaited, in"));
  process.setUncaughtExceptionCaptureCallback(
    left("an error was thrown that nobody could catch, in"),
  );

  const beats = new Int32Array(new SharedArrayBuffer(4));
  const memory = process.constrainedMemory() || Infinity;
  const limit = Math.min(getHeapStatistics().heap_size_limit, 0.8 * memory);
  new Worker(new URL("./watchdog.ts", import.meta.url), {
    workerData: { beats, fd: WORDS_FD, limit },
  }).unref();
  let n = 0;
  setInterval(() => {
    Atomics.add(beats, 0, 1);
    if (n++ % BEATS === 0) beat();
  }, BEAT_MS).unref();
  if (exact) keepBooks(found);
  forbidEnding();
  lockGlobals();
}

/** Writes down whose code runs whenever that changes: what ended a process without a word is known the next time. */
function keepBooks(
  found: () => { experiment: string | undefined; what: string } | undefined,
): void {
  let last: string | undefined;
  const hook = createHook({
    before() {
      const d = found();
      if (d?.what === last) return;
      last = d?.what;
      const words: LastWords | undefined = d && {
        kind: "ran",
        what: d.what,
        ...(d.experiment ? { experiment: d.experiment } : {}),
      };
      const text = (words ? JSON.stringify(words) : "").padEnd(WORDS_BYTES);
      writeSync(WORDS_FD, Buffer.from(text), 0, WORDS_BYTES, WORDS_BYTES);
    },
  }).enable();
  setTimeout(() => hook.disable(), BOOKS_MS).unref();
}
