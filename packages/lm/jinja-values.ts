/** The values of a chat template: Python's, as Jinja2 shows and compares them, with texts that know who wrote them. */
import { TillerError } from "@tiller/schema";
import { Text } from "./written-text.ts";

export class Undefined {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}
/** A Python float; plain numbers are integers. */
export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}
export class Dict {
  readonly entries = new Map<string, { readonly key: Text; value: Value }>();
  get(key: string): Value | undefined {
    return this.entries.get(key)?.value;
  }
  set(key: Text, value: Value): void {
    this.entries.set(key.plain, { key, value });
  }
}
export class Namespace extends Dict {}
export class Tuple extends Array<Value> {
  static override readonly [Symbol.species] = Array;
}
export interface Arguments {
  readonly given: readonly Value[];
  readonly named: ReadonlyMap<string, Value>;
}
export type Fn = (args: Arguments) => Value;
export type Value = null | boolean | number | Float | Text | Value[] | Dict | Undefined | Fn;

export const refused = (what: string, cause?: unknown) =>
  new TillerError(
    "bad_messages",
    `the model's chat template refuses these messages: ${what}. Change their roles or order.`,
    { cause },
  );

/** What a user sent: every text in it is hers. */
export function fromUser(x: unknown): Value {
  if (x === null || x === undefined) return null;
  if (typeof x === "string") return Text.of(x.toWellFormed(), true);
  if (typeof x === "boolean") return x;
  if (typeof x === "number") return Number.isSafeInteger(x) ? x : new Float(x);
  if (Array.isArray(x)) return x.map(fromUser);
  if (typeof x !== "object") throw refused(`a ${typeof x} cannot be in a message`);
  const out = new Dict();
  for (const [key, value] of Object.entries(x))
    if (value !== undefined) out.set(Text.of(key, true), fromUser(value));
  return out;
}

export const isNumber = (v: Value): v is number | Float | boolean =>
  typeof v === "number" || typeof v === "boolean" || v instanceof Float;
export const numberOf = (v: Value): number => (v instanceof Float ? v.value : Number(v));

export function truth(v: Value): boolean {
  if (v instanceof Undefined || v === null) return false;
  if (v instanceof Text) return v.plain !== "";
  if (Array.isArray(v)) return v.length > 0;
  if (v instanceof Namespace || typeof v === "function") return true;
  if (v instanceof Dict) return v.entries.size > 0;
  return numberOf(v) !== 0;
}

export function equal(a: Value, b: Value): boolean {
  if (isNumber(a) && isNumber(b)) return numberOf(a) === numberOf(b);
  if (a instanceof Text && b instanceof Text) return a.plain === b.plain;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((x, i) => equal(x, b[i]));
  if (a instanceof Dict && b instanceof Dict)
    return (
      a.entries.size === b.entries.size &&
      [...a.entries].every(([k, { value }]) => {
        const other = b.get(k);
        return other !== undefined && equal(value, other);
      })
    );
  return a === b || (a instanceof Undefined && b instanceof Undefined);
}

/** <, for what Python orders. */
export function less(a: Value, b: Value): boolean {
  if (isNumber(a) && isNumber(b)) return numberOf(a) < numberOf(b);
  if (a instanceof Text && b instanceof Text) return compareText(a.plain, b.plain) < 0;
  if (Array.isArray(a) && Array.isArray(b)) {
    const at = a.findIndex((x, i) => i >= b.length || !equal(x, b[i]));
    return at < 0 ? a.length < b.length : at < b.length && less(a[at], b[at]);
  }
  throw refused(`${kind(a)} and ${kind(b)} have no order`);
}
/** By code points, as Python does; UTF-16 units would put emoji before U+E000. */
function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const [x, y] = [Array.from(a), Array.from(b)];
  const at = x.findIndex((char, i) => char !== y[i]);
  if (at < 0) return -1;
  return at >= y.length ? 1 : x[at].codePointAt(0)! - y[at].codePointAt(0)!;
}

export function kind(v: Value): string {
  if (v === null) return "None";
  if (v instanceof Undefined) return `undefined (${v.name})`;
  if (v instanceof Text) return "a text";
  if (Array.isArray(v)) return "a list";
  if (v instanceof Dict) return "a mapping";
  if (typeof v === "function") return "a function";
  return typeof v === "boolean" ? "a truth value" : "a number";
}

const float = (x: number): string => {
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x > 0 ? "inf" : "-inf";
  return Number.isInteger(x) && Math.abs(x) < 1e16 ? `${Object.is(x, -0) ? "-0" : x}.0` : String(x);
};
const own = (text: string) => Text.of(text);

/** Python's str(). */
export function str(v: Value): Text {
  if (v instanceof Text) return v;
  return v instanceof Undefined ? own("") : repr(v);
}
/** Python's repr(). */
export function repr(v: Value): Text {
  if (v === null) return own("None");
  if (v === true) return own("True");
  if (v === false) return own("False");
  if (typeof v === "number") return own(String(v));
  if (v instanceof Float) return own(float(v.value));
  if (v instanceof Undefined) return own("Undefined");
  if (typeof v === "function") return own("<function>");
  if (v instanceof Text) {
    const quote = v.plain.includes("'") && !v.plain.includes('"') ? '"' : "'";
    const escaped = v.map((t) =>
      t
        .replaceAll("\\", "\\\\")
        .replaceAll("\n", "\\n")
        .replaceAll("\r", "\\r")
        .replaceAll("\t", "\\t")
        .replaceAll(quote === "'" ? "'" : "\0", quote === "'" ? "\\'" : "\\x00"),
    );
    return Text.join([own(quote), escaped, own(quote)]);
  }
  if (Array.isArray(v)) {
    const tuple = v instanceof Tuple;
    const end = tuple ? (v.length === 1 ? ",)" : ")") : "]";
    return Text.join([own(tuple ? "(" : "["), ...between(v.map(repr), ", "), own(end)]);
  }
  const fields = [...v.entries.values()].map(({ key, value }) =>
    Text.join([repr(key), own(": "), repr(value)]),
  );
  return Text.join([own("{"), ...between(fields, ", "), own("}")]);
}
const between = (parts: readonly Text[], separator: string): Text[] =>
  parts.flatMap((part, i) => (i ? [own(separator), part] : [part]));

export interface JsonOptions {
  readonly indent?: string;
  readonly ensureAscii: boolean;
  readonly sortKeys: boolean;
  readonly separators: readonly [string, string];
}
/** json.dumps, as transformers' `tojson` calls it. */
export function json(v: Value, o: JsonOptions, depth = 0): Text {
  if (v === null) return own("null");
  if (typeof v === "boolean" || typeof v === "number") return own(String(v));
  if (v instanceof Float) return own(Number.isFinite(v.value) ? float(v.value) : "NaN");
  if (v instanceof Text) {
    const body = v.map((t) => {
      const quoted = JSON.stringify(t).slice(1, -1);
      return o.ensureAscii
        ? quoted.replace(/[^\0-~]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)
        : quoted;
    });
    return Text.join([own('"'), body, own('"')]);
  }
  const line = (d: number) => (o.indent === undefined ? "" : `\n${o.indent.repeat(d)}`);
  const block = (open: string, parts: readonly Text[], close: string): Text =>
    parts.length
      ? Text.join([
          own(open + line(depth + 1)),
          ...between(parts, o.separators[0] + line(depth + 1)),
          own(line(depth) + close),
        ])
      : own(open + close);
  if (Array.isArray(v))
    return block(
      "[",
      v.map((x) => json(x, o, depth + 1)),
      "]",
    );
  if (v instanceof Dict) {
    const entries = [...v.entries.values()];
    if (o.sortKeys) entries.sort((a, b) => compareText(a.key.plain, b.key.plain));
    const parts = entries.map(({ key, value }) =>
      Text.join([json(key, o), own(o.separators[1]), json(value, o, depth + 1)]),
    );
    return block("{", parts, "}");
  }
  throw refused(`${kind(v)} has no JSON`);
}
