/**
 * Work by someone else's rules, bounded in time. A checkpoint brings its own patterns and chat template; one that never
 * ends ("(a+)+$") must not hold the process. V8 ends the work at the limit, also inside a regular expression or a loop,
 * which a promise or a timer could not. A call costs some 0.1 ms, so what is known to end runs without.
 *
 * The limit is of this thread's own processor time: on a busy machine honest work takes longer by the clock, and is no
 * slower for that. V8 knows the clock alone, so work that it ended early is begun again with more of it.
 */
import { createContext, Script } from "node:vm";
import type { TillerError } from "@tiller/schema";

const room = createContext({ work: undefined as (() => unknown) | undefined });
const call = new Script("work()");

/** By the clock, as many limits as a thread may take that hardly gets any processor time. */
const MOST = 32;
const ALMOST = 0.9; // of the limit: a little goes to other threads on an idle machine too

const processorMs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
};

/** `work` must be synchronous and may be begun several times; past `ms` of processor time it is ended and `late` is thrown. */
export function bounded<T>(ms: number, work: () => T, late: () => TillerError): T {
  for (let clock = ms; ; clock *= 2) {
    const before = processorMs();
    room["work"] = work;
    try {
      return call.runInContext(room, { timeout: Math.ceil(clock) }) as T;
    } catch (cause) {
      const { code } = cause as { code?: unknown };
      if (code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw cause;
      if (processorMs() - before >= ALMOST * ms || clock >= MOST * ms) throw late();
    } finally {
      room["work"] = undefined;
    }
  }
}
