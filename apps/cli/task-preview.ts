/** The server of `tiller task preview`: the built pages, the file's kinds of work, word when the file changes. */
import { type ChildProcess, fork } from "node:child_process";
import { watch } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { streamSSE } from "hono/streaming";
import { CheckRequest, own, type PreviewReply, type TaskPreview } from "@tiller/schema";

export type ChildMessage =
  | { kind: "tasks"; tasks: TaskPreview[] }
  | { kind: "error"; error: NonNullable<PreviewReply["error"]> }
  | { kind: "checked"; id: number; problems: string[] };
export type ParentMessage = CheckRequest & { id: number };

const child = fileURLToPath(new URL("task-child.ts", import.meta.url));
const LOAD_MS = 20_000;
const SETTLE_MS = 120; // an editor writes a file in several steps
const types: Record<string, string> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript",
  css: "text/css",
  woff2: "font/woff2",
};

export interface Loaded {
  readonly tasks: readonly TaskPreview[];
  readonly error: PreviewReply["error"];
}

/** A file's kinds of work in a process that lives until the next load. */
class TaskFile {
  readonly file: string;
  #process: ChildProcess | undefined;
  #tasks: readonly TaskPreview[] = [];
  #waiting = new Map<number, (problems: string[]) => void>();
  #next = 0;
  constructor(file: string) {
    this.file = path.resolve(file);
  }
  /** After an error the tasks are those of the last good load. */
  load(): Promise<Loaded> {
    this.stop();
    const started = fork(child, [this.file], { stdio: ["ignore", "inherit", "pipe", "ipc"] });
    this.#process = started;
    let said = "";
    started.stderr?.on("data", (chunk: Buffer) => (said += chunk.toString()));
    return new Promise((resolve) => {
      const end = (loaded: Loaded) => {
        clearTimeout(late);
        resolve(loaded);
      };
      const fail = (message: string) =>
        end({ tasks: this.#tasks, error: { message, file: this.file, line: null } });
      const late = setTimeout(() => {
        started.kill("SIGKILL");
        fail(`The file was still loading after ${LOAD_MS / 1000} s. Is there an endless loop?`);
      }, LOAD_MS);
      started.on("exit", (code) => fail(said.trim() || `The file ended the process (${code}).`));
      started.on("message", (m: ChildMessage) => {
        if (m.kind === "tasks") end({ tasks: (this.#tasks = m.tasks), error: null });
        else if (m.kind === "error") end({ tasks: this.#tasks, error: m.error });
        else {
          this.#waiting.get(m.id)?.(m.problems);
          this.#waiting.delete(m.id);
        }
      });
    });
  }
  check(request: CheckRequest): Promise<string[]> {
    const running = this.#process;
    if (!running?.connected)
      return Promise.resolve(["The file cannot be loaded: correct it first."]);
    const id = this.#next++;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      running.send({ ...request, id } satisfies ParentMessage);
    });
  }
  stop(): void {
    this.#process?.removeAllListeners("exit");
    this.#process?.kill();
    for (const answer of this.#waiting.values())
      answer(["The file changed meanwhile. Send it again."]);
    this.#waiting.clear();
  }
}

/** Loads once: for tests and `tiller task check`. */
export async function loadTasks(file: string): Promise<Loaded> {
  const tasks = new TaskFile(file);
  try {
    return await tasks.load();
  } finally {
    tasks.stop();
  }
}

export async function startPreview(o: {
  file: string;
  port: number;
  web: string;
}): Promise<{ address: string; close: () => void }> {
  const tasks = new TaskFile(o.file);
  let loaded = await tasks.load();
  const listeners = new Set<() => void>();
  let settling: NodeJS.Timeout | undefined;
  const watcher = watch(path.dirname(tasks.file), () => {
    clearTimeout(settling);
    settling = setTimeout(() => {
      void tasks.load().then((now) => {
        loaded = now;
        for (const tell of listeners) tell();
      });
    }, SETTLE_MS);
  });
  const app = new Hono()
    .get("/api/tasks", (c) => c.json({ ...loaded, live: true } as PreviewReply))
    .post("/api/tasks/check", async (c) =>
      c.json({ problems: await tasks.check(CheckRequest.parse(await c.req.json())) }),
    )
    .get("/api/tasks/changes", (c) =>
      streamSSE(c, async (stream) => {
        const tell = () => void stream.writeSSE({ event: "change", data: "" });
        listeners.add(tell);
        await new Promise<void>((resolve) => stream.onAbort(resolve));
        listeners.delete(tell);
      }),
    )
    .get("*", async (c) => {
      const name = c.req.path === "/" ? "preview.html" : path.normalize(c.req.path).slice(1);
      const bytes = name.startsWith("..")
        ? undefined
        : await readFile(path.join(o.web, name)).catch(() => undefined);
      if (!bytes) return c.text("Not found", 404);
      c.header("content-type", own(types, name.split(".").at(-1)!) ?? "application/octet-stream");
      return c.body(bytes);
    });
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, port: o.port, hostname: "127.0.0.1" }, (info) =>
      resolve({
        address: `http://localhost:${info.port}`,
        close: () => {
          watcher.close();
          clearTimeout(settling);
          tasks.stop();
          server.close();
          if ("closeAllConnections" in server) server.closeAllConnections();
        },
      }),
    );
    server.on("error", reject);
  });
}
