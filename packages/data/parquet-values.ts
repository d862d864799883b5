/**
 * What the leaves of a Parquet file's columns are in JSON: decimals with all their digits, times with all of theirs,
 * days and times of day as such. The reader gives the stored numbers (`stored` takes away what it would make of them);
 * `converted` makes ours of them.
 */
import type { SchemaElement, SchemaTree } from "hyparquet/src/types.js";
import { exactNumber, isRaw, shownValue } from "./json.ts";
import { dateOf, timeOfDay, utc } from "./time.ts";

/** Bytes that are no text in UTF-8. */
class NoText {}
const noText = new NoText();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const textOf = (bytes: Uint8Array | undefined): string | NoText | undefined => {
  if (bytes === undefined) return undefined;
  try {
    return strict.decode(bytes);
  } catch {
    return noText;
  }
};

/** How the reader hands out each stored value. */
export const parsers = {
  stringFromBytes: textOf,
  jsonFromBytes: textOf,
  uuidFromBytes: (bytes: Uint8Array) => bytes, // see `stored`: bytes as they stand
  timestampFromNanoseconds: (nanos: bigint) => nanos, // of INT96
} as const;

type Made = (v: unknown) => unknown;
const unitOf = { MILLIS: "ms", MICROS: "us", NANOS: "ns" } as const;
const integer = (v: unknown) => BigInt(v as bigint | number);

function signed(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const b of bytes) value = (value << 8n) | BigInt(b);
  return bytes.length && bytes[0]! & 0x80 ? value - (1n << BigInt(8 * bytes.length)) : value;
}
function decimalText(unscaled: bigint, scale: number): string {
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, "0");
  const at = digits.length - scale;
  return `${unscaled < 0n ? "-" : ""}${digits.slice(0, at)}${scale ? `.${digits.slice(at)}` : ""}`;
}
function half(bytes: Uint8Array): number {
  const bits = bytes[0]! | (bytes[1]! << 8);
  const [sign, exponent, part] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return part ? Number.NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + part / 1024) : 2 ** -14 * (part / 1024));
}
const finite: Made = (v) => {
  if (v === Infinity || v === -Infinity) throw new Error(`${v} is no number that JSON has`);
  return Number.isNaN(v) ? null : v; // pandas writes NaN for "nothing"
};
const refused =
  (what: string): Made =>
  () => {
    throw new Error(`it holds ${what}, which is not read. Write it as text or numbers`);
  };

/** A map's key as a name in JSON. */
function keyText(key: unknown): string {
  if (typeof key === "string") return key;
  if (typeof key === "number" || typeof key === "boolean") return String(key);
  if (isRaw(key)) return key.rawJSON;
  throw new Error(`a map has the key ${shownValue(key)}, which is no name. Write it as a list`);
}

/** What a leaf's stored value becomes; undefined: it stays. */
function leaf(e: SchemaElement): Made | undefined {
  const { type, converted_type: old, logical_type: logical } = e;
  if (old === "DECIMAL" || logical?.type === "DECIMAL") {
    const scale = (logical?.type === "DECIMAL" ? logical.scale : e.scale) ?? 0;
    return (v) => exactNumber(decimalText(v instanceof Uint8Array ? signed(v) : integer(v), scale));
  }
  if (old === "DATE" || logical?.type === "DATE") return (v) => dateOf(Number(v));
  if (logical?.type === "TIME") return (v) => timeOfDay(integer(v), unitOf[logical.unit]);
  if (old === "TIME_MILLIS") return (v) => timeOfDay(integer(v), "ms");
  if (old === "TIME_MICROS") return (v) => timeOfDay(integer(v), "us");
  if (logical?.type === "TIMESTAMP")
    return (v) =>
      utc(integer(v), unitOf[logical.unit], { zone: logical.isAdjustedToUTC ? "Z" : "" });
  if (old === "TIMESTAMP_MILLIS") return (v) => utc(integer(v), "ms");
  if (old === "TIMESTAMP_MICROS") return (v) => utc(integer(v), "us");
  // nanoseconds that no one says the zone of: Spark writes UTC, Impala the clock on the wall
  if (type === "INT96") return (v) => utc(integer(v), "ns", { zone: "" });
  if (
    old === "UINT_64" ||
    (logical?.type === "INTEGER" && logical.bitWidth === 64 && !logical.isSigned)
  )
    return (v) => exactNumber(String(BigInt.asUintN(64, integer(v))));
  if (
    old === "UINT_32" ||
    (logical?.type === "INTEGER" && logical.bitWidth === 32 && !logical.isSigned)
  )
    return (v) => Number(BigInt.asUintN(32, integer(v)));
  if (type === "INT64") return (v) => exactNumber(String(v as bigint));
  if (logical?.type === "FLOAT16") return (v) => finite(half(v as Uint8Array));
  if (type === "FLOAT" || type === "DOUBLE") return finite;
  if (logical?.type === "UUID")
    return (v) =>
      Buffer.from(v as Uint8Array)
        .toString("hex")
        .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  if (old === "INTERVAL") return refused("intervals");
  if (old === "BSON" || logical?.type === "BSON") return refused("BSON");
  if (logical?.type === "GEOMETRY" || logical?.type === "GEOGRAPHY") return refused("geometry");
  if (type === "FIXED_LEN_BYTE_ARRAY") return refused("bytes");
  if (type === "BYTE_ARRAY")
    return (v) => {
      if (v instanceof NoText) throw new Error("it holds bytes that are no UTF-8 text");
      return v;
    };
  return undefined;
}

/** The schema with what the reader would convert taken away: values come as they are stored. */
export const stored = (schema: readonly SchemaElement[]): SchemaElement[] =>
  schema.map((e) => {
    const { converted_type, logical_type, ...bare } = e;
    if (!e.type) {
      // maps come as lists of key and value: the reader's objects lose keys that are said twice
      const list = logical_type?.type === "LIST" || converted_type === "LIST";
      return list ? { ...bare, converted_type: "LIST" } : bare;
    }
    const text =
      converted_type === "UTF8" ||
      converted_type === "ENUM" ||
      converted_type === "JSON" ||
      logical_type?.type === "STRING" ||
      logical_type?.type === "ENUM" ||
      logical_type?.type === "JSON";
    if (e.type === "BYTE_ARRAY")
      // the reader hands bytes of a UUID to our parser, and would make text of any others
      return text || (!converted_type && !logical_type)
        ? { ...bare, converted_type: "UTF8" as const }
        : { ...bare, logical_type: { type: "UUID" as const } };
    return bare;
  });

/** Makes ours of a value by its part of the schema; undefined: as it is. `where` names the column in errors. */
export function converted(node: SchemaTree): Made | undefined {
  const { element, children } = node;
  const named =
    (make: Made): Made =>
    (v) => {
      try {
        return make(v);
      } catch (e) {
        if ((e as { column?: string }).column) throw e;
        throw Object.assign(new Error((e as Error).message, { cause: e }), {
          column: node.path.join("."),
        });
      }
    };
  if (!children.length) {
    const make = leaf(element);
    if (!make) return undefined;
    const one = named((v) => (v === undefined || v === null ? v : make(v)));
    return element.repetition_type === "REPEATED"
      ? (v) => (Array.isArray(v) ? v.map(one) : one(v))
      : one;
  }
  const kind = element.logical_type?.type ?? element.converted_type;
  if (kind === "VARIANT") return named(refused("variants"));
  const inner = children[0]!;
  if (kind === "LIST" && children.length === 1 && inner.element.repetition_type === "REPEATED") {
    // three levels, or the old two: as hyparquet tells them apart
    const item = converted(
      inner.children.length === 1
        ? inner.children[0]!
        : { ...inner, element: { ...inner.element, repetition_type: "OPTIONAL" } },
    );
    return item && ((v) => (Array.isArray(v) ? v.map(item) : v));
  }
  if ((kind === "MAP" || kind === "MAP_KEY_VALUE") && inner.children.length === 2) {
    const [key, value] = inner.children as [SchemaTree, SchemaTree];
    const [keyOf, valueOf] = [converted(key), converted(value)];
    const map = named((v) => {
      if (typeof v !== "object" || v === null) return v;
      const entries = (v as Record<string, Record<string, unknown>[]>)[inner.element.name]!;
      const made = new Map<string, unknown>();
      for (const entry of entries) {
        const [k, x] = [entry[key.element.name], entry[value.element.name]];
        const name = keyText(keyOf ? keyOf(k) : k);
        if (made.has(name))
          throw new Error(`a map has the key ${shownValue(name)} twice. Write it as a list`);
        made.set(name, valueOf ? valueOf(x) : x);
      }
      return Object.fromEntries(made);
    });
    return element.repetition_type === "REPEATED"
      ? (v) => (Array.isArray(v) ? v.map(map) : map(v))
      : map;
  }
  const makes = children.map((c) => [c.element.name, converted(c)] as const).filter(([, m]) => m);
  if (!makes.length) return undefined;
  const struct: Made = (v) => {
    if (typeof v !== "object" || v === null) return v;
    const out = { ...(v as Record<string, unknown>) };
    for (const [name, make] of makes) if (Object.hasOwn(out, name)) out[name] = make!(out[name]);
    return out;
  };
  return element.repetition_type === "REPEATED"
    ? (v) => (Array.isArray(v) ? v.map(struct) : struct(v))
    : struct;
}
