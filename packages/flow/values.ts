/** Values on their way into the record: JSON, exactly, or refused with the path of what JSON cannot hold. */
import { createHash } from "node:crypto";
import path from "node:path";
import { TillerError } from "@tiller/schema";
import {
  canonical,
  jsonText,
  repathed,
  type ShownValue,
  whileFull,
  writeBlob,
} from "@tiller/store";

const BLOB_BYTES = 64_000; // larger values go to a blob, by hash
const BRIEF = 140; // characters of what came out, in the tree
const DEEPEST = 500; // levels: what writes and reads JSON recurses

/** A value in the record: its JSON, or the blob that holds it. */
export type KeptValue = { readonly text: string } | { readonly blob: string };

/** Keeps a value; waits while the disk is full. What comes back is always what the record says. */
export async function keep(
  home: string,
  value: unknown,
  o: { readonly lenient?: boolean; readonly signal?: AbortSignal } = {},
): Promise<{ stored: KeptValue; shown: ShownValue; value: unknown }> {
  const text = o.lenient ? jsonText(value) : exactText(value);
  if (text.length <= BLOB_BYTES) return { stored: { text }, ...read(text) };
  const blob = await whileFull(() => writeBlob(home, Buffer.from(text)), o.signal);
  return { stored: { blob }, shown: { blob }, value: JSON.parse(text) };
}
function read(text: string) {
  const value: unknown = JSON.parse(text);
  return { shown: { value }, value };
}

/** JSON of a value that JSON holds; a Date as its text, a missing value as null. */
export function exactText(value: unknown): string {
  refuseLossy(value, "", new Set());
  return JSON.stringify(value) ?? "null";
}

const lossy = (path: string, what: string, remedy: string) =>
  new TillerError(
    "bad_value",
    `${path ? `the value at ${path}` : "the value"} is ${what}, which the record cannot hold. ${remedy}`,
  );
const simple = (v: unknown): v is null | string | boolean =>
  v === null || typeof v === "string" || typeof v === "boolean";

function refuseLossy(value: unknown, path: string, above: Set<object>): void {
  if (simple(value) || value === undefined) return;
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw lossy(path, String(value), "Return null or a text for it.");
    return;
  }
  if (typeof value !== "object")
    throw lossy(path, `a ${typeof value}`, "Return a number, a text, or what it gives.");
  const held = unheld(value);
  if (held) throw lossy(path, held.what, held.remedy);
  if (above.has(value)) throw lossy(path, "a part of itself", "Return it without the circle.");
  if (above.size >= DEEPEST)
    throw lossy(
      path.slice(0, 60),
      `deeper than ${DEEPEST} levels`,
      "Return a flatter one: a list of parts that name each other.",
    );
  const { toJSON } = value as { toJSON?: unknown };
  above.add(value);
  if (typeof toJSON === "function")
    refuseLossy((toJSON as (key: string) => unknown).call(value, ""), path, above);
  else if (Array.isArray(value))
    for (let i = 0; i < value.length; i++) {
      if (value[i] === undefined)
        throw lossy(`${path}[${i}]`, "missing", "Put null there, or leave the place out.");
      refuseLossy(value[i], `${path}[${i}]`, above);
    }
  else
    for (const key of Object.keys(value)) {
      const part = (value as Record<string, unknown>)[key];
      if (!simple(part)) refuseLossy(part, path ? `${path}.${key}` : key, above);
    }
  above.delete(value);
}
/** Objects that JSON writes as {} or as something else than they are. */
function unheld(value: object): { what: string; remedy: string } | undefined {
  if (value instanceof Map)
    return { what: "a Map", remedy: "Return its entries: Object.fromEntries(map) or [...map]." };
  if (value instanceof Set) return { what: "a Set", remedy: "Return its items: [...set]." };
  if (Buffer.isBuffer(value))
    return { what: "a Buffer", remedy: 'Return its text: buffer.toString("base64").' };
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer)
    return { what: `a ${value.constructor.name}`, remedy: "Return its numbers: [...array]." };
  if (value instanceof Error) return { what: "an error", remedy: "Throw it, or return its text." };
  if (value instanceof RegExp) return { what: "a RegExp", remedy: "Return its source." };
  if (value instanceof Promise) return { what: "a promise", remedy: "Await it first." };
  if (value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef)
    return { what: `a ${value.constructor.name}`, remedy: "Return plain values." };
  if (value instanceof Date && Number.isNaN(value.getTime()))
    return { what: "an invalid date", remedy: "Return null for it." };
  return undefined;
}

const CANONICAL = 1_000_000; // characters: beyond them the order of keys counts

/** What a value is, in 16 hex digits; undefined where JSON cannot say. */
export function digest(value: unknown): string | undefined {
  const text = safeJson(value);
  return text === undefined ? undefined : digestOf(text);
}
/** Whether this is what was digested: the paths of a restored home were others then. */
export function isDigestOf(
  of: string,
  value: unknown,
  at: { readonly home: string; readonly formerHomes: readonly string[] },
): boolean {
  const text = safeJson(value);
  if (text === undefined || of === digestOf(text)) return true;
  const home = path.resolve(at.home);
  return at.formerHomes.some((was) => of === digestOf(repathed(text, home, was)));
}
function safeJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value) ?? "null";
  } catch {
    return undefined;
  }
}
function digestOf(text: string): string {
  const same = text.length > CANONICAL ? text : canonical(JSON.parse(text));
  return createHash("sha256").update(same).digest("hex").slice(0, 16);
}

export const briefly = (value: unknown): string => {
  const text = typeof value === "string" ? value : jsonText(value ?? "");
  return text.length > BRIEF ? `${text.slice(0, BRIEF)}…`.toWellFormed() : text;
};
