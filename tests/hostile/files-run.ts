/** Feeds hostile files to a child that reads them, and watches it: time, memory, death. A fault is told once a kind and place. */
import { type ChildProcess, fork } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, chmodSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { rng } from "@tiller/schema";
import { type Hostile, makers, soundModel } from "./files.ts";

const SECONDS = 30; // for one input, on a busy machine
const MEGABYTES = 1500; // above what an idle child has
const SHOWN = 20;

const Reply = z.discriminatedUnion("type", [
  z.object({ type: z.literal("ready") }),
  z.object({ type: z.literal("taken") }),
  z.object({ type: z.literal("refused"), code: z.string(), message: z.string() }),
  z.object({ type: z.literal("raw"), message: z.string(), stack: z.string().optional() }),
]);
type Reply = z.infer<typeof Reply>;

/** The most that a process had in memory since it was last asked, in MB; 0 where the system does not tell. */
function peak(pid: number): number {
  try {
    const kb = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    writeFileSync(`/proc/${pid}/clear_refs`, "5");
    return Number(kb ?? 0) / 1024;
  } catch {
    return 0;
  }
}

class Reader {
  readonly child: ChildProcess;
  stderr = "";
  constructor(home: string) {
    this.child = fork(fileURLToPath(new URL("./reader.ts", import.meta.url)), [home], {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.child.stderr?.on(
      "data",
      (b: Buffer) => (this.stderr = (this.stderr + b.toString()).slice(-2000)),
    );
  }
  /** The next word of the child, or how it failed to say one. */
  async next(ms: number): Promise<Reply | "hangs" | "died"> {
    const { promise, resolve } = Promise.withResolvers<Reply | "hangs" | "died">();
    const timer = setTimeout(() => resolve("hangs"), ms);
    const said = (raw: unknown) => resolve(Reply.parse(raw));
    const died = () => resolve("died");
    this.child.once("message", said);
    this.child.once("exit", died);
    const got = await promise;
    clearTimeout(timer);
    this.child.off("message", said);
    this.child.off("exit", died);
    return got;
  }
  async end(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode) return;
    const gone = new Promise((r) => this.child.once("exit", r));
    if (this.child.connected) this.child.disconnect();
    const kill = setTimeout(() => this.child.kill("SIGKILL"), 10_000);
    await gone;
    clearTimeout(kill);
  }
}

export async function files(o: {
  minutes: number;
  seed: number;
  from: number;
  only?: string | undefined;
}): Promise<string[]> {
  const scratch = mkdtempSync(path.join(tmpdir(), "tiller-hostile-"));
  chmodSync(scratch, 0o755); // as root, Postgres runs as somebody else and must reach its home
  const sound = path.join(scratch, "sound");
  const inputs = path.join(scratch, "inputs");
  mkdirSync(inputs);
  const home = path.join(scratch, "home");
  soundModel(sound);
  const makes = Object.entries(makers(sound)).filter(([kind]) => !o.only || kind === o.only);
  if (!makes.length)
    throw new Error(`no kind ${o.only}; there are ${Object.keys(makers(sound)).join(", ")}`);
  const tally = new Map<string, Record<string, number>>();
  const faults = new Map<string, string>();
  const start = async () => {
    const reader = new Reader(home);
    const ready = await reader.next(120_000);
    if (typeof ready === "string") throw new Error(`the reader does not start: ${reader.stderr}`);
    return reader;
  };
  let reader = await start();
  try {
    // sound files are taken, else nothing below means anything
    for (const kind of ["model", "tokenizer"] as const) {
      reader.child.send({ kind, path: sound } satisfies Hostile);
      const got = await reader.next(120_000);
      if (got === "hangs" || got === "died" || got.type !== "taken")
        throw new Error(`the sound ${kind} is not taken: ${JSON.stringify(got)}`);
    }
    const end = Date.now() + o.minutes * 60_000;
    for (let n = o.from; Date.now() < end; n++) {
      const [kind, make] = makes[n % makes.length]!;
      const fault = (what: string, detail: string, place: string) => {
        const key = `${kind} ${what} ${place}`;
        if (!faults.has(key))
          faults.set(key, `${kind}: ${what} (--seed ${o.seed} --from ${n})\n${detail}`);
      };
      const hostile = make(rng(o.seed, "hostile", n), inputs);
      const idle = peak(reader.child.pid!);
      reader.child.send(hostile);
      const got = await reader.next(SECONDS * 1000);
      const grown = peak(reader.child.pid!) - idle;
      const how = typeof got === "string" ? got : got.type;
      const counts = tally.get(kind) ?? {};
      counts[how] = (counts[how] ?? 0) + 1;
      tally.set(kind, counts);
      if (got === "hangs" || got === "died") {
        fault(got, reader.stderr.slice(-800), "");
        reader.child.kill("SIGKILL");
        await reader.end();
        reader = await start();
      } else if (got.type === "raw") {
        const place =
          got.stack
            ?.split("\n")
            .find((l) => l.includes("/packages/"))
            ?.trim() ?? "";
        fault("another error", got.stack ?? got.message, place.replace(/:\d+\)?$/, ""));
      } else if (got.type === "refused" && !/[.:] \S.*[.?]$/s.test(got.message))
        fault("no remedy", `${got.code}: ${got.message.slice(0, 400)}`, got.code);
      if (grown > MEGABYTES) fault(`takes ${Math.round(grown)} MB`, hostile.path, "");
    }
  } finally {
    await reader.end();
    rmSync(scratch, { recursive: true, force: true });
  }
  for (const [kind, counts] of tally)
    console.log(
      `${kind.padEnd(20)} ${Object.entries(counts)
        .map(([k, v]) => `${k} ${v}`)
        .join(", ")}`,
    );
  return [...faults.values()].slice(0, SHOWN);
}
