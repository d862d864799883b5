/** The operators of chat templates, and what a rendering may use at most. */
import { TillerError } from "@tiller/schema";
import { listOf } from "./jinja-functions.ts";
import {
  type Arguments,
  Dict,
  equal,
  Float,
  isNumber,
  kind,
  numberOf,
  refused,
  str,
  Tuple,
  Undefined,
  type Value,
} from "./jinja-values.ts";
import { Text } from "./written-text.ts";

/** What a rendering may use: a template that makes more is stopped. */
export const LIMITS = {
  templateCharacters: 1_000_000,
  ms: 5_000,
  characters: 50_000_000,
  items: 500_000,
  steps: 2_000_000,
  depth: 100,
};
const RANGE = 100_000; // Jinja2's sandbox allows as much
export const endless = (what: string) =>
  new TillerError(
    "endless_template",
    `the model's chat template ${what} and was stopped. Send less, or take the template from its source again.`,
  );

export function arithmetic(operator: string, a: Value, b: Value): Value {
  if (operator === "+" && a instanceof Text && b instanceof Text) return a.plus(b);
  if (operator === "+" && Array.isArray(a) && Array.isArray(b)) return [...a, ...b];
  if (operator === "%" && a instanceof Text) return formatted(a, b);
  if (operator === "*" && (a instanceof Text || Array.isArray(a)) && typeof b === "number") {
    const size = a instanceof Text ? a.plain.length : a.length;
    if (size * b > LIMITS.items) throw endless(`repeats ${kind(a)} ${b} times`);
    const copies = Array.from({ length: Math.max(0, b) }, () => a);
    return a instanceof Text ? Text.join(copies as Text[]) : (copies as Value[][]).flat();
  }
  if (!isNumber(a) || !isNumber(b))
    throw refused(`${operator} is not for ${kind(a)} and ${kind(b)}`);
  const [x, y] = [numberOf(a), numberOf(b)];
  if (y === 0 && ["/", "//", "%"].includes(operator)) throw refused("a division by zero");
  const results: Readonly<Record<string, number>> = {
    "+": x + y,
    "-": x - y,
    "*": x * y,
    "/": x / y,
    "//": Math.floor(x / y),
    "%": x - y * Math.floor(x / y),
    "**": x ** y,
  };
  const result = results[operator];
  const whole = operator !== "/" && !(a instanceof Float) && !(b instanceof Float);
  return whole && Number.isSafeInteger(result) ? result : new Float(result);
}

/** A text's characters, code point by code point. */
export function characters(text: Text): Text[] {
  let at = 0;
  return Array.from(text.plain, (char) => text.slice(at, (at += char.length)));
}

export function holds(where: Value, what: Value): boolean {
  if (where instanceof Text && what instanceof Text) return where.plain.includes(what.plain);
  if (where instanceof Dict) return what instanceof Text && where.entries.has(what.plain);
  if (where instanceof Text) throw refused(`${kind(what)} is looked for in a text`);
  return listOf(where).some((x) => equal(x, what));
}

export function range({ given }: Arguments): number[] {
  const [a, b, c] = given.map((v) => {
    if (typeof v !== "number") throw refused(`range() of ${kind(v)}`);
    return v;
  });
  const [from, to, step] = b === undefined ? [0, a ?? 0, 1] : [a, b, c ?? 1];
  const n = Math.max(0, Math.ceil((to - from) / step));
  if (!(n <= RANGE)) throw endless(`counts to ${to - from}; ${RANGE} is allowed`);
  return Array.from({ length: n }, (_, i) => from + i * step);
}

export function loopOf(items: readonly Value[], i: number): Dict {
  const loop = new Dict();
  const n = items.length;
  const fields: Readonly<Record<string, Value>> = {
    index: i + 1,
    index0: i,
    revindex: n - i,
    revindex0: n - i - 1,
    first: i === 0,
    last: i === n - 1,
    length: n,
    previtem: items[i - 1] ?? new Undefined("previtem"),
    nextitem: items[i + 1] ?? new Undefined("nextitem"),
    cycle: ({ given }) => given[i % given.length] ?? null,
  };
  for (const [name, value] of Object.entries(fields)) loop.set(Text.of(name), value);
  return loop;
}

/** "%s of %d" % (a, b) */
function formatted(pattern: Text, by: Value): Text {
  const values = by instanceof Tuple ? [...by] : [by];
  const places = [...pattern.plain.matchAll(/%[sd%]/g)].map(
    ({ index, 0: { length } }) => [index, index + length] as const,
  );
  const parts = pattern.without(places);
  return Text.join(
    parts.flatMap((part, i) => {
      if (i === 0) return [part];
      const sign = pattern.plain[places[i - 1][0] + 1];
      return [
        sign === "%" ? Text.of("%") : str(values.shift() ?? new Undefined("a value for %")),
        part,
      ];
    }),
  );
}
