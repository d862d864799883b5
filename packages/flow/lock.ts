/**
 * What all code of a process shares stays as it is: a workflow that replaces `setTimeout` or `JSON.parse` gets the error
 * itself, in place of breaking every other experiment. What would end the process is refused to workflows.
 */
import { doer, refuseEnding } from "./fence.ts";

const globals =
  "Promise JSON Math Date Object Array Map Set WeakMap WeakSet WeakRef Error TypeError RangeError Symbol Reflect Proxy Number String Boolean BigInt RegExp Function Buffer process setTimeout setInterval setImmediate clearTimeout clearInterval clearImmediate queueMicrotask structuredClone URL URLSearchParams AbortController AbortSignal TextEncoder TextDecoder ArrayBuffer SharedArrayBuffer Atomics Uint8Array DataView fetch crypto performance console".split(
    " ",
  );
/** Objects whose functions stay. Not the prototypes that others assign over (Object, Function, Error): they could no more. */
const holders = (): object[] => [
  JSON,
  Math,
  Object,
  Array,
  Promise,
  Date,
  Reflect,
  Number,
  String,
  Symbol,
  Atomics,
  Promise.prototype,
  Array.prototype,
  Map.prototype,
  Set.prototype,
  WeakMap.prototype,
  String.prototype,
  Number.prototype,
  Date.prototype,
  RegExp.prototype,
];
function fix(where: object, key: PropertyKey, value?: unknown): void {
  const now = Object.getOwnPropertyDescriptor(where, key);
  if (!now?.configurable) return;
  const kept = value ?? (where as Record<PropertyKey, unknown>)[key];
  const { enumerable = false } = now;
  Object.defineProperty(where, key, {
    value: kept,
    enumerable,
    writable: false,
    configurable: false,
  });
}

export function lockGlobals(): void {
  for (const holder of holders())
    for (const key of Reflect.ownKeys(holder)) {
      const { value } = Object.getOwnPropertyDescriptor(holder, key)!;
      if (typeof value === "function" && key !== "constructor" && key !== "toString")
        fix(holder, key);
    }
  for (const name of globals) if (name in globalThis) fix(globalThis, name);
  Object.preventExtensions(Object.prototype);
}

type Call = (...args: unknown[]) => unknown;
/** Refuses a method to workflows, where `which` says so; everyone else calls it as before. */
export function forbid(
  where: object,
  name: string,
  called: string,
  which: (args: readonly unknown[]) => boolean = () => true,
): void {
  const real = (where as Record<string, Call | undefined>)[name];
  if (!real) return;
  const instead = function (this: unknown, ...args: unknown[]): unknown {
    return doer() && which(args) ? refuseEnding(called) : real.apply(this, args);
  };
  Object.defineProperty(where, name, { value: instead, writable: false, configurable: false });
}
const ours = ([event]: readonly unknown[]) =>
  typeof event !== "string" ||
  ["message", "disconnect", "unhandledRejection", "uncaughtException"].includes(event);
export function forbidEnding(): void {
  for (const name of ["exit", "abort", "reallyExit", "disconnect", "send"])
    forbid(process, name, `process.${name}`);
  forbid(process, "kill", "process.kill on its own server", ([pid]) => {
    const at = Number(pid);
    return !(at > 0) || at === process.pid || at === process.ppid;
  });
  for (const name of ["removeAllListeners", "removeListener", "off"])
    forbid(process, name, `process.${name}`, ours);
  forbid(process, "chdir", "process.chdir");
}
