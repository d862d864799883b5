/** Filters, tests and methods of chat templates: Jinja2's and Python's, as far as published templates use them. */
import {
  type Arguments,
  Dict,
  equal,
  Float,
  type Fn,
  isNumber,
  json,
  kind,
  less,
  Namespace,
  numberOf,
  refused,
  str,
  truth,
  Tuple,
  Undefined,
  type Value,
} from "./jinja-values.ts";
import { Text } from "./written-text.ts";

type Filter = (operand: Value, args: Arguments) => Value;

/** What Python's str.strip and str.split take for space. */
const SPACE =
  "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const spaces = new RegExp(`[${SPACE}]+`, "g");
const SEPARATORS = "\\x1c-\\x1e";
const lineEnds = new RegExp(`\\r\\n|[\\n\\v\\f\\r${SEPARATORS}\\x85\\u2028\\u2029]`, "g");
const isSpace = new RegExp(`^[${SPACE}]$`);

const textOf = (v: Value, what: string): Text => {
  if (v instanceof Text) return v;
  throw refused(`${what} is for texts, not ${kind(v)}`);
};
const argument = ({ given, named }: Arguments, i: number, name: string): Value | undefined =>
  given[i] ?? named.get(name);
const integer = (v: Value | undefined, otherwise: number): number =>
  v === undefined || v === null ? otherwise : isNumber(v) ? Math.trunc(numberOf(v)) : Number.NaN;
export const listOf = (v: Value): Value[] => {
  if (Array.isArray(v)) return v;
  if (v instanceof Undefined) return [];
  if (v instanceof Dict) return [...v.entries.values()].map((e) => e.key);
  if (v instanceof Text) {
    let at = 0;
    return Array.from(v.plain, (char) => v.slice(at, (at += char.length)));
  }
  throw refused(`${kind(v)} is no list`);
};
const pairs = (d: Dict): Value[] =>
  [...d.entries.values()].map(({ key, value }) => Tuple.of<Value>(key, value));

function strip(text: Text, args: Arguments, sides: "both" | "left" | "right"): Text {
  const chars = argument(args, 0, "chars");
  const taken =
    chars instanceof Text ? (c: string) => chars.plain.includes(c) : (c: string) => isSpace.test(c);
  const { plain } = text;
  let [from, to] = [0, plain.length];
  if (sides !== "right") while (from < to && taken(plain[from])) from++;
  if (sides !== "left") while (to > from && taken(plain[to - 1])) to--;
  return text.slice(from, to);
}

function split(text: Text, args: Arguments, o: { readonly fromRight?: boolean } = {}): Text[] {
  const separator = argument(args, 0, "sep");
  const most = integer(argument(args, 1, "maxsplit"), -1);
  const limit = most < 0 ? Infinity : most;
  const own = !(separator instanceof Text);
  if (!own && !separator.plain) throw refused("a text is split at nothing");
  const inner = own ? strip(text, { given: [], named: new Map() }, "both") : text;
  let places = own
    ? [...inner.plain.matchAll(spaces)].map((m): [number, number] => [
        m.index,
        m.index + m[0].length,
      ])
    : inner.places(separator.plain);
  places =
    o.fromRight && limit < places.length
      ? places.slice(places.length - limit)
      : places.slice(0, limit);
  return own && !inner.plain ? [] : inner.without(places);
}

/** Each word's first letter large; `rest` tells what becomes of the others. */
function cased(text: Text, o: { readonly everyWord: boolean }): Text {
  let inWord = false;
  return text.map((run) =>
    Array.from(run, (char) => {
      const out = inWord ? char.toLowerCase() : char.toUpperCase();
      inWord = o.everyWord ? /\p{Cased}/u.test(char) : true;
      return out;
    }).join(""),
  );
}

const affix = (text: Text, args: Arguments, test: (t: string, x: string) => boolean): boolean => {
  const [wanted] = args.given;
  const all = Array.isArray(wanted) ? wanted : [wanted ?? null];
  return all.some((x) => test(text.plain, textOf(x, "startswith or endswith").plain));
};
const every = (text: Text, pattern: RegExp) =>
  text.plain !== "" && Array.from(text.plain).every((char) => pattern.test(char));

const textMethods: Readonly<Record<string, (text: Text, args: Arguments) => Value>> = {
  strip: (t, a) => strip(t, a, "both"),
  lstrip: (t, a) => strip(t, a, "left"),
  rstrip: (t, a) => strip(t, a, "right"),
  split: (t, a) => split(t, a),
  rsplit: (t, a) => split(t, a, { fromRight: true }),
  splitlines: (t) => {
    const lines = t.without(
      [...t.plain.matchAll(lineEnds)].map((m) => [m.index, m.index + m[0].length]),
    );
    return lines.at(-1)?.plain ? lines : lines.slice(0, -1);
  },
  partition: (t, { given: [sep] }) => {
    const [place] = t.places(textOf(sep ?? null, "partition").plain, 1);
    return place
      ? Tuple.of<Value>(t.slice(0, place[0]), t.slice(...place), t.slice(place[1]))
      : Tuple.of<Value>(t, Text.of(""), Text.of(""));
  },
  upper: (t) => t.map((s) => s.toUpperCase()),
  lower: (t) => t.map((s) => s.toLowerCase()),
  title: (t) => cased(t, { everyWord: true }),
  capitalize: (t) => cased(t, { everyWord: false }),
  startswith: (t, a) => affix(t, a, (s, x) => s.startsWith(x)),
  endswith: (t, a) => affix(t, a, (s, x) => s.endsWith(x)),
  removeprefix: (t, { given: [x] }) => {
    const { plain } = textOf(x ?? null, "removeprefix");
    return t.plain.startsWith(plain) ? t.slice(plain.length) : t;
  },
  removesuffix: (t, { given: [x] }) => {
    const { plain } = textOf(x ?? null, "removesuffix");
    return plain && t.plain.endsWith(plain) ? t.slice(0, t.plain.length - plain.length) : t;
  },
  replace: (t, { given: [old, by, count] }) => {
    const most = integer(count, -1);
    return t.replace(
      textOf(old ?? null, "replace").plain,
      textOf(by ?? null, "replace"),
      most < 0 ? Infinity : most,
    );
  },
  find: (t, { given: [x] }) => pointIndex(t, t.plain.indexOf(textOf(x ?? null, "find").plain)),
  rfind: (t, { given: [x] }) =>
    pointIndex(t, t.plain.lastIndexOf(textOf(x ?? null, "rfind").plain)),
  count: (t, { given: [x] }) => t.places(textOf(x ?? null, "count").plain).length,
  join: (t, { given: [list] }) => joined(listOf(list ?? null), t),
  isdigit: (t) => every(t, /^[\p{Nd}\p{No}]$/u),
  isalpha: (t) => every(t, /^\p{L}$/u),
  isalnum: (t) => every(t, /^[\p{L}\p{N}]$/u),
  isspace: (t) => every(t, isSpace),
  isupper: (t) => t.plain !== t.plain.toLowerCase() && t.plain === t.plain.toUpperCase(),
  islower: (t) => t.plain !== t.plain.toUpperCase() && t.plain === t.plain.toLowerCase(),
};
const pointIndex = (t: Text, at: number) => (at < 0 ? at : Array.from(t.plain.slice(0, at)).length);

const dictMethods: Readonly<Record<string, (d: Dict, args: Arguments) => Value>> = {
  get: (d, { given: [key, otherwise] }) => d.get(str(key ?? null).plain) ?? otherwise ?? null,
  items: pairs,
  keys: (d) => listOf(d),
  values: (d) => [...d.entries.values()].map((e) => e.value),
};
const listMethods: Readonly<Record<string, (list: readonly Value[], args: Arguments) => Value>> = {
  index: (list, { given: [x] }) => {
    const at = list.findIndex((y) => equal(x ?? null, y));
    if (at < 0) throw refused("a list does not hold what is looked for");
    return at;
  },
  count: (list, { given: [x] }) => list.filter((y) => equal(x ?? null, y)).length,
};

/** A method of a value; undefined where Python has none of the name, or one that changes the value. */
export function method(held: Value, name: string): Fn | undefined {
  const of = <T>(table: Readonly<Record<string, (x: T, args: Arguments) => Value>>, x: T) =>
    Object.hasOwn(table, name) ? (args: Arguments) => table[name](x, args) : undefined;
  if (held instanceof Text) return of(textMethods, held);
  if (held instanceof Namespace) return undefined;
  if (held instanceof Dict) return of(dictMethods, held);
  return Array.isArray(held) ? of(listMethods, held) : undefined;
}

const joined = (list: readonly Value[], by: Text): Text =>
  Text.join(list.flatMap((x, i) => (i ? [by, str(x)] : [str(x)])));

/** "a.b" of an item, as `map(attribute=...)` and `selectattr` take it. */
const attribute = (item: Value, path: string): Value =>
  path.split(".").reduce<Value>((v, name) => {
    const found =
      v instanceof Dict ? v.get(name) : Array.isArray(v) ? v.at(Number(name)) : undefined;
    return found === undefined ? new Undefined(name) : found;
  }, item);

/** select, reject, selectattr, rejectattr: `keep` or not what passes a test. */
const selected =
  (o: { readonly keep: boolean; readonly byAttribute: boolean }): Filter =>
  (list, { given }) => {
    const rest = [...given];
    const path = o.byAttribute ? textOf(rest.shift() ?? null, "selectattr").plain : undefined;
    const name = rest.length ? textOf(rest.shift()!, "a test's name").plain : undefined;
    const wanted = rest[0];
    return listOf(list).filter((item) => {
      const x = path === undefined ? item : attribute(item, path);
      return passes(x, name, wanted) === o.keep;
    });
  };
function passes(x: Value, name: string | undefined, wanted: Value | undefined): boolean {
  const other = wanted ?? null;
  switch (name) {
    case undefined:
      return truth(x);
    case "==":
    case "eq":
    case "equalto":
    case "sameas":
      return equal(x, other);
    case "!=":
    case "ne":
      return !equal(x, other);
    case "in":
      return other instanceof Text
        ? other.plain.includes(str(x).plain)
        : listOf(other).some((y) => equal(x, y));
    case "lt":
    case "lessthan":
      return less(x, other);
    case "gt":
    case "greaterthan":
      return less(other, x);
  }
  if (!Object.hasOwn(tests, name))
    throw refused(`it uses the test ${name}, which is not known here`);
  return tests[name](x);
}

const sortedBy = (
  list: readonly Value[],
  { given, named }: Arguments,
  key: (v: Value) => Value,
) => {
  const reverse = truth(given[0] ?? named.get("reverse") ?? false);
  const keyed = list.map((value) => ({ value, key: folded(key(value), named) }));
  keyed.sort((a, b) => (less(a.key, b.key) ? -1 : less(b.key, a.key) ? 1 : 0) * (reverse ? -1 : 1));
  return keyed.map((k) => k.value);
};
const folded = (v: Value, named: ReadonlyMap<string, Value>): Value =>
  v instanceof Text && !truth(named.get("case_sensitive") ?? false)
    ? v.map((s) => s.toLowerCase())
    : v;
const total = (list: readonly Value[]): Value => {
  const floats = list.some((x) => x instanceof Float);
  const sum = list.reduce<number>((n, x) => n + numberOf(x), 0);
  return floats ? new Float(sum) : sum;
};
const extreme =
  (first: (a: Value, b: Value) => boolean): Filter =>
  (list) =>
    listOf(list).reduce<Value>(
      (best, x) => (best instanceof Undefined || first(x, best) ? x : best),
      new Undefined("an item of an empty list"),
    );
const otherwise: Filter = (x, args) =>
  x instanceof Undefined || (truth(argument(args, 1, "boolean") ?? false) && !truth(x))
    ? (argument(args, 0, "default_value") ?? Text.of(""))
    : x;
const size: Filter = (x) => {
  if (x instanceof Text) return Array.from(x.plain).length;
  if (isNumber(x) || x === null || typeof x === "function")
    throw refused(`${kind(x)} has no length`);
  return listOf(x).length;
};
const escaped: Filter = (x) =>
  str(x).map((s) =>
    s.replace(
      /[&<>'"]/g,
      (c) => `&${{ "&": "amp", "<": "lt", ">": "gt", "'": "#39", '"': "#34" }[c]!};`,
    ),
  );

export const filters: Readonly<Record<string, Filter>> = {
  trim: (x, a) => strip(str(x), a, "both"),
  length: size,
  count: size,
  upper: (x) => str(x).map((s) => s.toUpperCase()),
  lower: (x) => str(x).map((s) => s.toLowerCase()),
  title: (x) => cased(str(x), { everyWord: true }),
  capitalize: (x) => cased(str(x), { everyWord: false }),
  replace: (x, a) => textMethods["replace"](str(x), a),
  string: (x) => str(x),
  safe: (x) => x,
  escape: escaped,
  e: escaped,
  default: otherwise,
  d: otherwise,
  list: (x) => [...listOf(x)],
  items: (x) => (x instanceof Dict ? pairs(x) : []),
  first: (x) => listOf(x)[0] ?? new Undefined("the first item"),
  last: (x) => listOf(x).at(-1) ?? new Undefined("the last item"),
  reverse: (x) =>
    x instanceof Text ? Text.join(listOf(x).toReversed() as Text[]) : listOf(x).toReversed(),
  join: (x, a) => {
    const path = argument(a, 1, "attribute");
    const list = listOf(x).map((v) => (path ? attribute(v, str(path).plain) : v));
    return joined(list, str(argument(a, 0, "d") ?? Text.of("")));
  },
  map: (x, a) => {
    const path = a.named.get("attribute");
    const list = listOf(x);
    if (path) {
      const fallback = a.named.get("default");
      return list.map((v) => {
        const found = attribute(v, str(path).plain);
        return found instanceof Undefined ? (fallback ?? found) : found;
      });
    }
    const [name, ...rest] = a.given;
    const fn = textOf(name ?? null, "map").plain;
    if (!Object.hasOwn(filters, fn))
      throw refused(`it uses the filter ${fn}, which is not known here`);
    return list.map((v) => filters[fn](v, { given: rest, named: a.named }));
  },
  select: selected({ keep: true, byAttribute: false }),
  reject: selected({ keep: false, byAttribute: false }),
  selectattr: selected({ keep: true, byAttribute: true }),
  rejectattr: selected({ keep: false, byAttribute: true }),
  sort: (x, a) => {
    const path = a.given[2] ?? a.named.get("attribute");
    return sortedBy(listOf(x), a, (v) => (path ? attribute(v, str(path).plain) : v));
  },
  dictsort: (x, a) => {
    if (!(x instanceof Dict)) throw refused(`dictsort is for mappings, not ${kind(x)}`);
    const by =
      a.named.get("by") instanceof Text && str(a.named.get("by")!).plain === "value" ? 1 : 0;
    return sortedBy(pairs(x), { given: [], named: a.named }, (v) => (v as Value[])[by]);
  },
  unique: (x) =>
    listOf(x).filter(
      (v, i, all) => all.findIndex((y) => equal(folded(v, new Map()), folded(y, new Map()))) === i,
    ),
  min: extreme((a, b) => less(a, b)),
  max: extreme((a, b) => less(b, a)),
  sum: (x) => total(listOf(x)),
  abs: (x) => (x instanceof Float ? new Float(Math.abs(x.value)) : Math.abs(numberOf(x))),
  round: (x, a) => {
    const by = 10 ** integer(argument(a, 0, "precision"), 0);
    return new Float(Math.round(numberOf(x) * by) / by);
  },
  int: (x, a) => {
    const n = x instanceof Text ? Number(x.plain.trim() || Number.NaN) : numberOf(x);
    return Number.isFinite(n) ? Math.trunc(n) : (argument(a, 0, "default") ?? 0);
  },
  float: (x, a) => {
    const n = x instanceof Text ? Number(x.plain.trim() || Number.NaN) : numberOf(x);
    return Number.isFinite(n) ? new Float(n) : (argument(a, 0, "default") ?? new Float(0));
  },
  indent: (x, a) => {
    const width = argument(a, 0, "width") ?? 4;
    const by =
      width instanceof Text ? width : Text.of(" ".repeat(Math.min(1000, integer(width, 4))));
    const [first, blank] = [argument(a, 1, "first"), argument(a, 2, "blank")].map((v) =>
      truth(v ?? false),
    );
    const lines = str(x).without(str(x).places("\n"));
    return Text.join(
      lines.flatMap((line, i) => [
        ...(i ? [Text.of("\n")] : []),
        ...((i || first) && (line.plain || blank) ? [by] : []),
        line,
      ]),
    );
  },
  tojson: (x, a) => {
    const indent = argument(a, 1, "indent");
    const separators = a.named.get("separators");
    const parts = Array.isArray(separators) ? separators.map((s) => str(s).plain) : undefined;
    const spaced = indent !== undefined && indent !== null;
    return json(x, {
      ensureAscii: truth(argument(a, 0, "ensure_ascii") ?? false),
      sortKeys: truth(a.named.get("sort_keys") ?? false),
      ...(spaced && {
        indent:
          indent instanceof Text ? indent.plain : " ".repeat(Math.min(100, integer(indent, 0))),
      }),
      separators: [parts?.[0] ?? (spaced ? "," : ", "), parts?.[1] ?? ": "],
    });
  },
};

export const tests: Readonly<Record<string, (x: Value) => boolean>> = {
  defined: (x) => !(x instanceof Undefined),
  undefined: (x) => x instanceof Undefined,
  none: (x) => x === null,
  string: (x) => x instanceof Text,
  number: isNumber,
  integer: (x) => typeof x === "number",
  float: (x) => x instanceof Float,
  boolean: (x) => typeof x === "boolean",
  true: (x) => x === true,
  false: (x) => x === false,
  mapping: (x) => x instanceof Dict && !(x instanceof Namespace),
  iterable: (x) =>
    x instanceof Text || Array.isArray(x) || x instanceof Dict || x instanceof Undefined,
  sequence: (x) =>
    x instanceof Text || Array.isArray(x) || x instanceof Dict || x instanceof Undefined,
  callable: (x) => typeof x === "function",
  odd: (x) => numberOf(x) % 2 !== 0,
  even: (x) => numberOf(x) % 2 === 0,
  lower: (x) => str(x).plain === str(x).plain.toLowerCase(),
  upper: (x) => str(x).plain === str(x).plain.toUpperCase(),
};
