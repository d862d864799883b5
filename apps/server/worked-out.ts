/**
 * What takes a while to work out and follows from what is stored: made in a process of its own, one at a time, when somebody
 * looks and what it follows from has changed; kept in memory.
 */
import { fork } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os, { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { z } from "zod";
import { TillerError } from "@tiller/schema";

const SLOWEST_MS = 300_000;
const Message = z.union([
  z.strictObject({ made: z.unknown() }),
  z.strictObject({ why: z.string() }),
]);
type None = { readonly state: "none"; readonly why: string };
type Working = { readonly state: "working" };

export class WorkedOut<T> {
  readonly #o: { readonly child: URL; readonly what: string; readonly made: z.ZodType<T> };
  readonly #known = new Map<
    string,
    { mark: number; said: None | { state: "made"; made: T; mark: number } }
  >();
  readonly #working = new Set<string>();
  static #last: Promise<void> = Promise.resolve(); // one of any kind at a time

  /** `child`: a module that calls workOut */
  constructor(o: { child: URL; what: string; made: z.ZodType<T> }) {
    this.#o = o;
  }

  /**
   * What is known of `id`; where `stale` says so of the mark that it was made at, it is made anew at `mark` from the file that
   * `input` gives.
   */
  of(
    id: string,
    o: {
      readonly mark: number;
      readonly stale: (madeAt: number) => boolean;
      readonly input: () => Promise<string | Uint8Array>;
    },
  ): None | Working | { readonly state: "made"; readonly made: T; readonly mark: number } {
    const known = this.#known.get(id);
    if ((!known || o.stale(known.mark)) && !this.#working.has(id)) {
      this.#working.add(id);
      WorkedOut.#last = WorkedOut.#last.then(() => this.#make(id, o.mark, o.input));
    }
    return known?.said ?? { state: "working" };
  }

  async #make(id: string, mark: number, input: () => Promise<string | Uint8Array>): Promise<void> {
    const dir = mkdtempSync(path.join(tmpdir(), "tiller-worked-out-"));
    try {
      const file = path.join(dir, "input.jsonl");
      writeFileSync(file, await input());
      const said = Message.parse(await inChild(this.#o.child, file));
      this.#known.set(id, {
        mark,
        said:
          "why" in said
            ? { state: "none", ...said }
            : { state: "made", made: this.#o.made.parse(said.made), mark },
      });
    } catch (e) {
      const ours = e instanceof TillerError;
      if (!ours) console.error(`${this.#o.what} failed:`, e);
      const why = ours ? e.message : "It could not be worked out: the server's log says why.";
      this.#known.set(id, { mark, said: { state: "none", why } });
    } finally {
      this.#working.delete(id);
      rmSync(dir, { recursive: true, force: true });
    }
  }
}

function inChild(script: URL, file: string): Promise<unknown> {
  return new Promise((done, fail) => {
    const child = fork(script, [file], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    const timer = setTimeout(() => child.kill("SIGKILL"), SLOWEST_MS);
    child.once("message", done);
    child.once("error", fail);
    child.once("exit", (code, signal) => {
      clearTimeout(timer);
      fail(new Error(`its process ended with ${signal ?? code}`)); // after a message this says nothing
    });
  });
}

/** In the child: works it out from the file and says it; what cannot be is said in words. */
export async function workOut(make: (file: string) => Promise<unknown>): Promise<void> {
  os.setPriority(10); // people's requests go first
  process.once("disconnect", () => process.exit(1));
  const send = (m: z.infer<typeof Message>) => process.send!(m, () => process.exit(0));
  try {
    send({ made: await make(process.argv[2]!) });
  } catch (e) {
    if (!(e instanceof TillerError)) throw e;
    send({ why: e.message });
  }
}
