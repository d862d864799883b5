/**
 * JSON, and JSON of a schema, as a grammar over bytes. Every text of the grammar parses and validates; not every valid text
 * is in it: properties come in the order of the schema, those it does not name are left out, numbers have at most 15 digits
 * a part, and white space is a space or a line break with at most 20 spaces. What the schema asks beyond that is refused by name.
 */
import { TillerError } from "@tiller/schema";
import type { Element, Range, Rules } from "./grammar.ts";

type Sequence = readonly Element[];
type Schema = Readonly<Record<string, unknown>>;

const LIMIT = { rules: 100_000, length: 10_000 };
const refused = (at: string, what: string) =>
  new TillerError(
    "schema_unsupported",
    `the schema's ${at || "root"} ${what}. Leave it out and check the reply yourself, or say it in other keys.`,
  );

/** Says nothing about a value. */
const notes = new Set(
  "title description default examples $schema $id $comment deprecated readOnly writeOnly $defs definitions".split(
    " ",
  ),
);
const kinds = ["object", "array", "string", "number", "integer", "boolean", "null"] as const;
type Kind = (typeof kinds)[number];
const words: Readonly<Record<Kind, readonly string[]>> = {
  object: ["properties", "required", "additionalProperties"],
  array: ["items", "prefixItems", "minItems", "maxItems"],
  string: ["minLength", "maxLength"],
  number: ["minimum", "maximum"],
  integer: ["minimum", "maximum"],
  boolean: [],
  null: [],
};
const isSchema = (x: unknown): x is Schema =>
  typeof x === "object" && x !== null && !Array.isArray(x);
const own = (s: Schema, key: string): unknown => (Object.hasOwn(s, key) ? s[key] : undefined);

class Builder {
  readonly rules: Sequence[][] = [];
  readonly #root: unknown;
  readonly #refs = new Map<string, Element>();
  readonly #space: Element;
  readonly #character: Element;
  readonly #text: Element;
  readonly #number: Element;
  readonly #integer: Element;
  #any: Element | undefined;
  constructor(root: unknown) {
    this.#root = root;
    const space = set([0x20, 0x20]);
    this.#space = this.rule([], [space], [set([0x0a, 0x0a]), this.upTo(space, 20)]);
    const tail = set([0x80, 0xbf]);
    const hex = set([0x30, 0x39], [0x41, 0x46], [0x61, 0x66]);
    const d = set([0x44, 0x44], [0x64, 0x64]);
    const surrogate = (a: Element) => [...literal("\\u"), d, a, hex, hex];
    this.#character = this.rule(
      [set([0x20, 0x21], [0x23, 0x5b], [0x5d, 0x7f])],
      [set([0xc2, 0xdf]), tail],
      [set([0xe0, 0xe0]), set([0xa0, 0xbf]), tail],
      [set([0xe1, 0xec], [0xee, 0xef]), tail, tail],
      [set([0xed, 0xed]), set([0x80, 0x9f]), tail],
      [set([0xf0, 0xf0]), set([0x90, 0xbf]), tail, tail],
      [set([0xf1, 0xf3]), tail, tail, tail],
      [set([0xf4, 0xf4]), set([0x80, 0x8f]), tail, tail],
      [set([0x5c, 0x5c]), set(...Array.from(Buffer.from('"\\/bfnrt'), (b): Range => [b, b]))],
      [
        ...literal("\\u"),
        set([0x30, 0x39], [0x41, 0x43], [0x45, 0x46], [0x61, 0x63], [0x65, 0x66]),
        hex,
        hex,
        hex,
      ],
      [...literal("\\u"), d, set([0x30, 0x37]), hex, hex],
      [
        ...surrogate(set([0x38, 0x39], [0x41, 0x42], [0x61, 0x62])),
        ...surrogate(set([0x43, 0x46], [0x63, 0x66])),
      ],
    );
    this.#text = this.#textOf(0, undefined);
    const digit = set([0x30, 0x39]);
    const whole = this.rule([set([0x30, 0x30])], [set([0x31, 0x39]), this.upTo(digit, 14)]);
    const sign = this.rule([], [set([0x2d, 0x2d])]);
    this.#integer = this.rule([sign, whole]);
    const more = [digit, this.upTo(digit, 14)];
    const exponent = [
      set([0x45, 0x45], [0x65, 0x65]),
      this.rule([], [set([0x2b, 0x2b], [0x2d, 0x2d])]),
      digit,
      this.upTo(digit, 1),
    ];
    this.#number = this.rule([
      sign,
      whole,
      this.rule([], [set([0x2e, 0x2e]), ...more]),
      this.rule([], exponent),
    ]);
    this.positive = whole;
  }
  /** a whole number that is not negative */
  readonly positive: Element;

  rule(...alternatives: Sequence[]): Element {
    if (this.rules.length >= LIMIT.rules)
      throw refused("size", `makes more than ${LIMIT.rules} rules`);
    this.rules.push(alternatives);
    return { rule: this.rules.length - 1 };
  }
  /** None to `n` of it. */
  upTo(element: Element, n: number): Element {
    let rest = this.rule([]);
    for (let i = 0; i < n; i++) rest = this.rule([], [element, rest]);
    return rest;
  }
  /** `least` and more of it, as many as there may be. */
  #times(element: Element, least: number, most: number | undefined): Sequence {
    const more =
      most === undefined ? this.#forever(element) : this.upTo(element, Math.max(0, most - least));
    return [...Array.from({ length: least }, () => element), more];
  }
  #forever(element: Element): Element {
    const again = this.rule();
    this.rules[(again as { rule: number }).rule]!.push([], [element, again]);
    return again;
  }
  #textOf(least: number, most: number | undefined): Element {
    return this.rule([
      ...literal('"'),
      ...this.#times(this.#character, least, most),
      ...literal('"'),
    ]);
  }
  #list(first: Sequence, rest: Sequence): Sequence {
    return [...literal("["), this.#space, ...first, ...rest, this.#space, ...literal("]")];
  }
  get #comma(): Sequence {
    return [this.#space, ...literal(","), this.#space];
  }
  #member(key: Sequence, value: Element): Sequence {
    return [...key, this.#space, ...literal(":"), this.#space, value];
  }
  /** An object of any keys. */
  objectOf(value: Element): Element {
    const member = this.#member([this.#text], value);
    const rest = this.#forever(this.rule([...this.#comma, ...member]));
    const inner = this.rule([], [...member, rest]);
    return this.rule([...literal("{"), this.#space, inner, this.#space, ...literal("}")]);
  }
  any(): Element {
    if (this.#any) return this.#any;
    const value = (this.#any = this.rule());
    const items = this.rule([], [value, this.#forever(this.rule([...this.#comma, value]))]);
    this.rules[(value as { rule: number }).rule]!.push(
      [this.objectOf(value)],
      this.#list([items], []),
      [this.#text],
      [this.#number],
      ...["true", "false", "null"].map(literal),
    );
    return value;
  }
  /** White space around a whole text: models of SentencePiece begin with a space. */
  whole(value: Element): number {
    return (this.rule([this.#space, value]) as { rule: number }).rule;
  }

  value(schema: unknown, at: string): Element {
    if (schema === true || (isSchema(schema) && !Object.keys(schema).some((k) => !notes.has(k))))
      return this.any();
    if (!isSchema(schema)) throw refused(at, `is ${JSON.stringify(schema)}, which no value is of`);
    const given = (key: string) => own(schema, key);
    const only = (...keys: string[]) => this.#only(schema, keys, at);
    if (given("$ref") !== undefined) {
      only("$ref");
      return this.#ref(given("$ref"), at);
    }
    if (given("anyOf") !== undefined) {
      only("anyOf");
      const all = given("anyOf");
      if (!Array.isArray(all) || !all.length) throw refused(`${at}/anyOf`, "is no list of schemas");
      return this.rule(...all.map((s: unknown, i) => [this.value(s, `${at}/anyOf/${i}`)]));
    }
    const types = this.#types(schema, at);
    const named = given("const") !== undefined ? [given("const")] : given("enum");
    if (named !== undefined) {
      only("const", "enum", "type");
      if (given("const") !== undefined && given("enum") !== undefined)
        throw refused(at, "has both const and enum");
      if (!Array.isArray(named)) throw refused(`${at}/enum`, "is no list");
      const fit = named.filter((x: unknown) => !types || types.some((t) => isOf(x, t)));
      if (!fit.length) throw refused(`${at}/enum`, "has no value of the type");
      return this.rule(...fit.map((x: unknown) => literal(JSON.stringify(x))));
    }
    const used = types ?? [kinds.find((k) => words[k].some((w) => given(w) !== undefined))!];
    if (used[0] === undefined) this.#only(schema, [], at);
    only(
      "type",
      ...used.flatMap((t) => words[t]),
      ...(types ? kinds.flatMap((k) => words[k]) : []),
    );
    return this.rule(...used.map((t) => [this.#ofKind(t, schema, at)]));
  }
  #only(schema: Schema, keys: readonly string[], at: string): void {
    const other = Object.keys(schema).find((k) => !notes.has(k) && !keys.includes(k));
    if (other !== undefined)
      throw refused(
        `${at}/${other}`,
        `${JSON.stringify(schema[other])?.slice(0, 100)} is not enforced here`,
      );
  }
  #types(schema: Schema, at: string): Kind[] | undefined {
    const type = own(schema, "type");
    if (type === undefined) return undefined;
    const all = [type].flat();
    const strange = all.find((t) => !kinds.includes(t as Kind));
    if (!all.length || strange !== undefined)
      throw refused(`${at}/type`, `is ${JSON.stringify(type)}`);
    return all as Kind[];
  }
  #ref(ref: unknown, at: string): Element {
    if (typeof ref !== "string" || !/^#(\/|$)/.test(ref))
      throw refused(`${at}/$ref`, `is ${JSON.stringify(ref)}, which is no place in the schema`);
    const known = this.#refs.get(ref);
    if (known) return known;
    const element = this.rule();
    this.#refs.set(ref, element);
    let target = this.#root;
    for (const part of ref.split("/").slice(1)) {
      const key = decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
      target = Array.isArray(target)
        ? (target as unknown[])[Number(key)]
        : isSchema(target)
          ? own(target, key)
          : undefined;
    }
    if (target === undefined) throw refused(`${at}/$ref`, `${ref} is not in the schema`);
    this.rules[(element as { rule: number }).rule]!.push([this.value(target, ref.slice(1))]);
    return element;
  }

  #ofKind(kind: Kind, schema: Schema, at: string): Element {
    switch (kind) {
      case "object":
        return this.#object(schema, at);
      case "array":
        return this.#array(schema, at);
      case "string": {
        const [least, most] = this.#bounds(schema, ["minLength", "maxLength"], at);
        return this.#textOf(least, most);
      }
      case "number":
      case "integer":
        return this.#numberOf(kind, schema, at);
      case "boolean":
        return this.rule(literal("true"), literal("false"));
      case "null":
        return this.rule(literal("null"));
    }
  }
  /** A least and a most, whole numbers. */
  #bounds(
    schema: Schema,
    [from, to]: readonly [string, string],
    at: string,
  ): [number, number | undefined] {
    const [least = 0, most] = [own(schema, from), own(schema, to)] as (number | undefined)[];
    for (const [key, x] of [
      [from, least],
      [to, most ?? least],
    ] as const)
      if (!Number.isInteger(x) || x < 0 || x > LIMIT.length)
        throw refused(
          `${at}/${key}`,
          `is ${JSON.stringify(x)}, no whole number from 0 to ${LIMIT.length}`,
        );
    if (most !== undefined && most < least) throw refused(`${at}/${to}`, `is less than ${from}`);
    return [least, most];
  }
  #numberOf(kind: "number" | "integer", schema: Schema, at: string): Element {
    const [low = -Infinity, high = Infinity] = [own(schema, "minimum"), own(schema, "maximum")] as (
      | number
      | undefined
    )[];
    for (const [key, x] of [
      ["minimum", low],
      ["maximum", high],
    ] as const)
      if (typeof x !== "number")
        throw refused(`${at}/${key}`, `is ${JSON.stringify(x)}, no number`);
    const most = 1e15; // none of 15 digits reaches it
    if (kind === "integer" && low <= -most && high >= most) return this.#integer;
    if (kind === "integer" && low <= 0 && low > -1 && high >= most) return this.positive;
    if (kind === "number" && low === -Infinity && high === Infinity) return this.#number;
    const [from, to] = [Math.ceil(low), Math.floor(high)];
    if (
      kind === "integer" &&
      to >= from &&
      to - from <= 1000 &&
      Math.max(Math.abs(from), Math.abs(to)) < most
    )
      return this.rule(
        ...Array.from({ length: to - from + 1 }, (_, i) => literal(String(from + i))),
      );
    throw refused(
      at,
      `has a minimum or maximum of ${kind}s that is not enforced here: integers from 0 on, or of at most 1,000 values, are`,
    );
  }
  #array(schema: Schema, at: string): Element {
    const [least, most] = this.#bounds(schema, ["minItems", "maxItems"], at);
    const prefix = own(schema, "prefixItems") ?? [];
    if (!Array.isArray(prefix)) throw refused(`${at}/prefixItems`, "is no list");
    const items = own(schema, "items") ?? true;
    if (Array.isArray(items)) throw refused(`${at}/items`, "is a list: say prefixItems");
    if (most !== undefined && most < prefix.length)
      throw refused(`${at}/maxItems`, "is less than prefixItems has");
    if (items === false && least > prefix.length)
      throw refused(`${at}/minItems`, "is more than prefixItems has");
    const first = prefix.map((s: unknown, i) => this.value(s, `${at}/prefixItems/${i}`));
    const joined = first.flatMap((e, i) => [...(i ? this.#comma : []), e]);
    const none = items === false || most === first.length;
    if (none) return this.rule(this.#list(joined, []));
    const item = this.value(items, `${at}/items`);
    const another = this.rule([...this.#comma, item]);
    if (first.length) {
      const left = most === undefined ? undefined : most - first.length;
      return this.rule(
        this.#list(joined, this.#times(another, Math.max(0, least - first.length), left)),
      );
    }
    const some = [
      item,
      ...this.#times(another, Math.max(0, least - 1), most === undefined ? undefined : most - 1),
    ];
    return this.rule(this.#list(least > 0 ? some : [this.rule([], some)], []));
  }
  #object(schema: Schema, at: string): Element {
    const properties = own(schema, "properties") ?? {};
    const required = own(schema, "required") ?? [];
    const others = own(schema, "additionalProperties") ?? true;
    if (!isSchema(properties)) throw refused(`${at}/properties`, "is no object");
    if (!Array.isArray(required) || required.some((k) => typeof k !== "string"))
      throw refused(`${at}/required`, "is no list of names");
    const names = [...new Set([...Object.keys(properties), ...(required as string[])])];
    if (!names.length && others !== false)
      return this.objectOf(this.value(others, `${at}/additionalProperties`));
    const members = names.flatMap((name) => {
      const must = required.includes(name);
      const inner = Object.hasOwn(properties, name) ? properties[name] : others;
      if (inner === false && !must) return [];
      const value = this.value(inner, `${at}/properties/${name}`);
      return [{ must, member: this.rule(this.#member(literal(JSON.stringify(name)), value)) }];
    });
    // from the last: what may follow where nothing stands yet, and where something does
    let [empty, after] = [this.rule([]), this.rule([])];
    for (const { must, member } of members.toReversed()) {
      const next = [member, after];
      const skip = (rest: Element) => (must ? [] : [[rest]]);
      [empty, after] = [
        this.rule(next, ...skip(empty)),
        this.rule([...this.#comma, ...next], ...skip(after)),
      ];
    }
    return this.rule([...literal("{"), this.#space, empty, this.#space, ...literal("}")]);
  }
}
const set = (...bytes: Range[]): Element => ({ bytes });
const literal = (text: string): Sequence => Array.from(Buffer.from(text), (b) => set([b, b]));
const isOf = (x: unknown, kind: Kind): boolean =>
  kind === "integer"
    ? Number.isInteger(x)
    : kind === "array"
      ? Array.isArray(x)
      : kind === "null"
        ? x === null
        : kind === "object"
          ? isSchema(x)
          : typeof x === kind;

/** The grammar of texts that are JSON of a schema; of an object of any kind where there is none. */
export function jsonGrammar(schema: unknown): { rules: Rules; first: number } {
  const b = new Builder(schema);
  const value = schema === undefined ? b.objectOf(b.any()) : b.value(schema, "");
  return { first: b.whole(value), rules: b.rules };
}
