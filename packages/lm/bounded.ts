/**
 * Work by someone else's rules, bounded in time. A checkpoint brings its own patterns and chat template; one that never
 * ends ("(a+)+$") must not hold the process. V8 ends the work at the limit, also inside a regular expression or a loop,
 * which a promise or a timer could not. A call costs some 0.1 ms, so what is known to end runs without.
 */
import { createContext, Script } from "node:vm";
import type { TillerError } from "@tiller/schema";

const room = createContext({ work: undefined as (() => unknown) | undefined });
const call = new Script("work()");

/** `work` must be synchronous; past `ms` it is ended and `late` is thrown. */
export function bounded<T>(ms: number, work: () => T, late: () => TillerError): T {
  room["work"] = work;
  try {
    return call.runInContext(room, { timeout: Math.ceil(ms) }) as T;
  } catch (cause) {
    const { code } = cause as { code?: unknown };
    throw code === "ERR_SCRIPT_EXECUTION_TIMEOUT" ? late() : cause;
  } finally {
    room["work"] = undefined;
  }
}
