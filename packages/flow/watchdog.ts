/**
 * A thread beside the workflows that sees when they take the process for themselves: by code that gives nobody else a
 * turn, or by memory without end. It asks the main thread, in the middle of whatever that does, whose code runs; leaves
 * this as the process's last words; and ends the process.
 */
import { writeSync } from "node:fs";
import { Session } from "node:inspector";
import { workerData } from "node:worker_threads";
import { z } from "zod";
import { type LastWords, WORDS_BYTES } from "./words.ts";

const TICK_MS = 250;
/** So much work without a turn for others. Work, not time: on a busy machine what is right takes long as well. */
const BUSY_MS = 15_000;
/** Without a turn and with little work: it waits for something that does not come. */
const BLOCKED_MS = 300_000;
const ASK_MS = 2000;
/** of the memory there may be: from here on it is watched who takes it, and here it ends */
const MUCH = 0.75;
const MOST = 0.92;

const { beats, fd, limit } = z
  .object({ beats: z.instanceof(Int32Array), fd: z.int(), limit: z.number() })
  .parse(workerData);

const Found = z.object({
  result: z.object({
    value: z
      .object({ experiment: z.string().optional(), what: z.string(), at: z.string().optional() })
      .optional(),
  }),
});
type Found = { experiment?: string | undefined; what: string; at?: string | undefined } | undefined;
let session: Session | undefined;
/** Whose code runs now. */
const ask = (): Promise<Found> =>
  new Promise((resolve) => {
    if (!session) {
      session = new Session();
      session.connectToMainThread();
    }
    setTimeout(resolve, ASK_MS); // deep inside of something that cannot be asked
    const expression = "__tillerDoer()";
    session.post("Runtime.evaluate", { expression, returnByValue: true }, (_, reply) =>
      resolve(Found.safeParse(reply).data?.result.value),
    );
  });
function leave(words: LastWords | undefined): void {
  const text = words ? JSON.stringify(words).slice(0, WORDS_BYTES - 1) : "";
  writeSync(fd, Buffer.from(text.padEnd(WORDS_BYTES)), 0, WORDS_BYTES, 0);
}

let before = Atomics.load(beats, 0);
let since = performance.now();
let used = process.cpuUsage();
let ending = false;
const taken = new Map<string, { n: number; who: NonNullable<Found> }>();
let asked = 0;

async function silent(ms: number): Promise<void> {
  ending = true;
  const who = await ask();
  if (Atomics.load(beats, 0) !== before) {
    ending = false; // it came back in this moment
    return;
  }
  leave({ kind: "silent", seconds: Math.round(ms / 1000), ...who });
  process.kill(process.pid, "SIGKILL");
}
/** Who took most of the memory since there is little: whose code ran most of the times when it was asked. */
function taker(): Found {
  const most = [...taken.values()].toSorted((a, b) => b.n - a.n)[0];
  return most && most.n * 2 >= asked ? most.who : undefined;
}
async function much(rss: number): Promise<void> {
  const last = rss > MOST * limit;
  if (last) ending = true;
  const who = await ask();
  asked++;
  if (who) taken.set(who.what, { n: (taken.get(who.what)?.n ?? 0) + 1, who });
  leave({ kind: "memory", megabytes: Math.round(rss / 2 ** 20), ...taker() });
  if (last) process.kill(process.pid, "SIGKILL");
}
let asking = false;
setInterval(() => {
  if (ending) return;
  const now = Atomics.load(beats, 0);
  if (now !== before) {
    before = now;
    since = performance.now();
    used = process.cpuUsage();
  }
  const ms = performance.now() - since;
  const { user, system } = process.cpuUsage(used);
  if ((user + system) / 1000 > BUSY_MS || ms > BLOCKED_MS) return void silent(ms);
  const rss = process.memoryUsage.rss();
  if (rss > MUCH * limit) {
    if (asking && rss <= MOST * limit) return;
    asking = true;
    void much(rss).finally(() => (asking = false));
  } else if (asked) {
    asked = 0;
    taken.clear();
    leave(undefined);
  }
}, TICK_MS);
