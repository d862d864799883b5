/**
 * What more labels of a project would buy, for its page: worked out in a process of its own (label-forecast-child.ts), one
 * at a time, when somebody looks and a tenth more was answered since. Kept in memory: it follows from the answers.
 */
import { fork } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { LabelForecast, type Project, type ProjectForecast, TillerError } from "@tiller/schema";

export const Message = z.union([
  z.strictObject({ forecast: LabelForecast }),
  z.strictObject({ why: z.string() }),
]);
/** Fewer answers give no curve whatever they say. */
const FEWEST = 60;
const SLOWEST_MS = 300_000;
const MORE = 1.1;

export class LabelForecasts {
  readonly #pairsOf: (project: string) => Promise<Uint8Array>;
  readonly #made = new Map<string, { answers: number; said: ProjectForecast }>();
  readonly #working = new Set<string>();
  #last: Promise<void> = Promise.resolve();

  /** `pairsOf`: what a project decided, as the JSONL file that TRL trains on */
  constructor(pairsOf: (project: string) => Promise<Uint8Array>) {
    this.#pairsOf = pairsOf;
  }

  of({ id, answers }: Pick<Project, "id" | "answers">): ProjectForecast {
    if (answers < FEWEST)
      return {
        state: "none",
        why: `There are ${answers} answers; a forecast needs ${FEWEST} or more.`,
      };
    const known = this.#made.get(id);
    const stale = !known || answers >= MORE * known.answers || answers < known.answers;
    if (stale && !this.#working.has(id)) {
      this.#working.add(id);
      this.#last = this.#last.then(() => this.#make(id, answers));
    }
    return known?.said ?? { state: "working" };
  }

  async #make(id: string, answers: number): Promise<void> {
    const dir = mkdtempSync(path.join(tmpdir(), "tiller-forecast-"));
    try {
      const file = path.join(dir, "pairs.jsonl");
      writeFileSync(file, await this.#pairsOf(id));
      const made = await inChild(file);
      const said: ProjectForecast =
        "why" in made ? { state: "none", ...made } : { state: "made", answers, ...made };
      this.#made.set(id, { answers, said });
    } catch (e) {
      // of other work than comparisons there is no such file
      const ours = e instanceof TillerError;
      if (!ours) console.error("a forecast of labels failed:", e);
      const why = ours ? e.message : "It could not be worked out: the server's log says why.";
      this.#made.set(id, { answers, said: { state: "none", why } });
    } finally {
      this.#working.delete(id);
      rmSync(dir, { recursive: true, force: true });
    }
  }
}

function inChild(file: string): Promise<z.infer<typeof Message>> {
  const script = fileURLToPath(new URL("./label-forecast-child.ts", import.meta.url));
  return new Promise((done, fail) => {
    const child = fork(script, [file], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    const timer = setTimeout(() => child.kill("SIGKILL"), SLOWEST_MS);
    child.once("message", (m) => done(Message.parse(m)));
    child.once("error", fail);
    child.once("exit", (code, signal) => {
      clearTimeout(timer);
      fail(new Error(`its process ended with ${signal ?? code}`)); // after a message this says nothing
    });
  });
}
