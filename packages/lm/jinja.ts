/**
 * Jinja2 for chat templates, as transformers sets it up (a sandbox with loop controls, `tojson`, `raise_exception`,
 * `strftime_now`): @huggingface/jinja parses, we evaluate, because texts must remember who wrote them and a template must
 * not be able to hold or fill the process.
 */
import { parse, tokenize } from "@huggingface/jinja";
import { bounded } from "./bounded.ts";
import { filters, listOf, method, tests } from "./jinja-functions.ts";
import {
  arithmetic,
  characters,
  endless,
  holds,
  LIMITS,
  loopOf,
  range,
} from "./jinja-operators.ts";
import {
  type Arguments,
  Dict,
  equal,
  Float,
  type Fn,
  isNumber,
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

/** The fields of all kinds of node; each kind has some of them. */
interface Node {
  readonly type: string;
  readonly value: unknown;
  readonly [field: string]: unknown;
}
const node = (x: unknown) => x as Node;
const nodes = (x: unknown) => x as readonly Node[];
const nameOf = (x: unknown) => (x as Node).value as string;

class Break {}
class Continue {}

class Scope {
  readonly #own = new Map<string, Value>();
  readonly #outer: Scope | undefined;
  constructor(outer?: Scope) {
    this.#outer = outer;
  }
  get(name: string): Value {
    const own = this.#own.get(name);
    if (own !== undefined) return own;
    return this.#outer ? this.#outer.get(name) : new Undefined(name);
  }
  set(name: string, value: Value): void {
    this.#own.set(name, value);
  }
}

export class JinjaTemplate {
  readonly #program: readonly Node[];
  constructor(source: string) {
    if (source.length > LIMITS.templateCharacters)
      throw new Error(`it has ${source.length} characters, ${LIMITS.templateCharacters} are read`);
    this.#program = bounded(
      LIMITS.ms,
      () =>
        nodes(node(parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true })))["body"]),
      () => endless("takes too long to read"),
    );
  }
  render(variables: Readonly<Record<string, Value>>): Text {
    try {
      return bounded(
        LIMITS.ms,
        () => new Rendering().run(this.#program, variables),
        () => endless(`takes more than ${LIMITS.ms / 1000} seconds`),
      );
    } catch (cause) {
      if (cause instanceof RangeError) throw endless("goes too deep");
      throw cause;
    }
  }
}

class Rendering {
  #characters = 0;
  #items = 0;
  #steps = 0;
  #depth = 0;

  run(program: readonly Node[], variables: Readonly<Record<string, Value>>): Text {
    const scope = new Scope();
    const globals: Record<string, Value> = {
      true: true,
      false: false,
      none: null,
      True: true,
      False: false,
      None: null,
      range: (args) => this.#made(range(args)),
      namespace: ({ given, named }) => {
        const out = new Namespace();
        if (given[0] instanceof Dict)
          for (const e of given[0].entries.values()) out.set(e.key, e.value);
        for (const [key, value] of named) out.set(Text.of(key), value);
        return out;
      },
      dict: ({ named }) => {
        const out = new Dict();
        for (const [key, value] of named) out.set(Text.of(key), value);
        return out;
      },
      raise_exception: ({ given: [what] }) => {
        throw refused(str(what ?? null).plain);
      },
    };
    for (const [name, value] of Object.entries({ ...globals, ...variables }))
      scope.set(name, value);
    const out: Text[] = [];
    this.#body(program, scope, out);
    return Text.join(out);
  }

  /** Counts what was made, against the limits. */
  #made<T extends Value>(value: T): T {
    if (value instanceof Text)
      this.#characters += value.runs.reduce((n, r) => n + r.text.length, 0);
    else if (Array.isArray(value)) this.#items += value.length;
    if (this.#characters > LIMITS.characters)
      throw endless(`makes more than ${LIMITS.characters} characters`);
    if (this.#items > LIMITS.items) throw endless(`makes lists of more than ${LIMITS.items} items`);
    return value;
  }

  #body(body: readonly Node[], scope: Scope, out: Text[]): void {
    for (const one of body) this.#statement(one, scope, out);
  }
  #captured(body: readonly Node[], scope: Scope): Text {
    const out: Text[] = [];
    this.#body(body, scope, out);
    return this.#made(Text.join(out));
  }

  #statement(n: Node, scope: Scope, out: Text[]): void {
    switch (n.type) {
      case "Comment":
        return;
      case "If":
        return this.#body(
          nodes(truth(this.#value(n["test"], scope)) ? n["body"] : n["alternate"]),
          scope,
          out,
        );
      case "For":
        return this.#for(n, scope, out);
      case "Set": {
        const [assignee, value] = [node(n["assignee"]), n.value];
        if (value) return this.#assign(assignee, this.#value(value, scope), scope);
        const text = this.#captured(nodes(n["body"]), new Scope(scope));
        if (assignee.type !== "FilterExpression") return this.#assign(assignee, text, scope);
        const done = this.#filter(text, node(assignee["filter"]), scope);
        return this.#assign(node(assignee["operand"]), done, scope);
      }
      case "Macro":
        return scope.set(nameOf(n["name"]), this.#macro(nodes(n["args"]), nodes(n["body"]), scope));
      case "CallStatement": {
        const call = node(n["call"]);
        const caller = this.#macro(nodes(n["callerArgs"] ?? []), nodes(n["body"]), scope);
        const args = this.#arguments(nodes(call["args"]), scope);
        const named = new Map([...args.named, ["caller", caller] as const]);
        out.push(str(this.#call(this.#value(call["callee"], scope), { ...args, named }, "macro")));
        return;
      }
      case "FilterStatement": {
        const text = this.#captured(nodes(n["body"]), new Scope(scope));
        out.push(str(this.#filter(text, node(n["filter"]), scope)));
        return;
      }
      case "Break":
        throw new Break();
      case "Continue":
        throw new Continue();
      default:
        out.push(this.#made(str(this.#value(n, scope))));
    }
  }

  #assign(to: Node, value: Value, scope: Scope): void {
    if (to.type === "Identifier") scope.set(nameOf(to), value);
    else if (to.type === "TupleLiteral") {
      const parts = listOf(value);
      const names = nodes(to.value);
      if (parts.length !== names.length)
        throw refused(`${parts.length} values are unpacked into ${names.length} names`);
      names.forEach((name, i) => this.#assign(name, parts[i], scope));
    } else if (to.type === "MemberExpression") {
      const held = this.#value(to["object"], scope);
      if (!(held instanceof Namespace)) throw refused("only a namespace's fields can be set");
      held.set(Text.of(nameOf(to["property"])), value);
    } else throw refused(`a ${to.type} cannot be set`);
  }

  #for(n: Node, scope: Scope, out: Text[]): void {
    const source = node(n["iterable"]);
    const filtered = source.type === "SelectExpression";
    const inner = () => new Scope(scope);
    let items = listOf(this.#value(filtered ? source["lhs"] : source, scope));
    if (filtered)
      items = items.filter((item) => {
        const own = inner();
        this.#assign(node(n["loopvar"]), item, own);
        return truth(this.#value(source["test"], own));
      });
    if (!items.length) return this.#body(nodes(n["defaultBlock"]), inner(), out);
    for (const [i, item] of items.entries()) {
      const own = inner();
      own.set("loop", loopOf(items, i));
      this.#assign(node(n["loopvar"]), item, own);
      try {
        this.#body(nodes(n["body"]), own, out);
      } catch (control) {
        if (control instanceof Break) return;
        if (!(control instanceof Continue)) throw control;
      }
    }
  }

  #macro(params: readonly Node[], body: readonly Node[], scope: Scope): Fn {
    return ({ given, named }) => {
      const own = new Scope(scope);
      const caller = named.get("caller");
      if (caller !== undefined) own.set("caller", caller);
      params.forEach((p, i) => {
        const optional = p.type === "KeywordArgumentExpression";
        const name = nameOf(optional ? p["key"] : p);
        const value = given[i] ?? named.get(name);
        if (value !== undefined || given.length > i) own.set(name, value ?? null);
        else own.set(name, optional ? this.#value(p.value, own) : new Undefined(name));
      });
      return this.#captured(body, own);
    };
  }

  #call(fn: Value, args: Arguments, name: string): Value {
    if (typeof fn !== "function") throw refused(`${name} is ${kind(fn)}, not a function`);
    if (++this.#depth > LIMITS.depth) throw endless("goes too deep");
    const value = fn(args);
    this.#depth--;
    return this.#made(value);
  }

  #arguments(args: readonly Node[], scope: Scope): Arguments {
    const given: Value[] = [];
    const named = new Map<string, Value>();
    for (const a of args) {
      if (a.type === "KeywordArgumentExpression")
        named.set(nameOf(a["key"]), this.#value(a.value, scope));
      else if (a.type === "SpreadExpression")
        for (const x of listOf(this.#value(a["argument"], scope))) given.push(x);
      else if (a.type === "KeywordSpreadExpression") {
        const more = this.#value(a["argument"], scope);
        if (!(more instanceof Dict)) throw refused(`** takes a mapping, not ${kind(more)}`);
        for (const [key, { value }] of more.entries) named.set(key, value);
      } else given.push(this.#value(a, scope));
    }
    return { given, named };
  }

  #filter(operand: Value, filter: Node, scope: Scope): Value {
    const called = filter.type === "CallExpression";
    const name = nameOf(called ? filter["callee"] : filter);
    const fn = Object.hasOwn(filters, name) ? filters[name] : undefined;
    if (!fn) throw refused(`it uses the filter ${name}, which is not known here`);
    const args = called
      ? this.#arguments(nodes(filter["args"]), scope)
      : { given: [], named: new Map() };
    return this.#made(fn(operand, args));
  }

  #value(given: unknown, scope: Scope): Value {
    if (++this.#steps > LIMITS.steps) throw endless(`takes more than ${LIMITS.steps} steps`);
    const n = node(given);
    switch (n.type) {
      case "IntegerLiteral":
        return n.value as number;
      case "FloatLiteral":
        return new Float(n.value as number);
      case "StringLiteral":
        return Text.of(n.value as string);
      case "ArrayLiteral":
        return this.#made(nodes(n.value).map((x) => this.#value(x, scope)));
      case "TupleLiteral":
        return this.#made(Tuple.from(nodes(n.value).map((x) => this.#value(x, scope))));
      case "ObjectLiteral": {
        const out = new Dict();
        for (const [key, value] of n.value as ReadonlyMap<Node, Node>)
          out.set(str(this.#value(key, scope)), this.#value(value, scope));
        return out;
      }
      case "Identifier":
        return scope.get(n.value as string);
      case "Ternary":
        return this.#value(
          truth(this.#value(n["condition"], scope)) ? n["trueExpr"] : n["falseExpr"],
          scope,
        );
      case "SelectExpression": // a ternary without else
        return truth(this.#value(n["test"], scope))
          ? this.#value(n["lhs"], scope)
          : new Undefined("the other case");
      case "UnaryExpression":
        return this.#unary(n, scope);
      case "BinaryExpression":
        return this.#binary(n, scope);
      case "FilterExpression":
        return this.#filter(this.#value(n["operand"], scope), node(n["filter"]), scope);
      case "TestExpression": {
        const name = nameOf(n["test"]);
        const is = Object.hasOwn(tests, name) ? tests[name] : undefined;
        if (!is) throw refused(`it uses the test ${name}, which is not known here`);
        return is(this.#value(n["operand"], scope)) !== n["negate"];
      }
      case "CallExpression": {
        const callee = node(n["callee"]);
        const fn = this.#value(callee, scope);
        const name = nameOf(callee.type === "MemberExpression" ? callee["property"] : callee);
        return this.#call(fn, this.#arguments(nodes(n["args"]), scope), String(name));
      }
      case "MemberExpression":
        return this.#made(this.#member(n, scope));
      default:
        throw refused(`it uses ${n.type}, which is not known here`);
    }
  }

  #unary(n: Node, scope: Scope): Value {
    const value = this.#value(n["argument"], scope);
    const operator = (n["operator"] as Node).value as string;
    if (operator === "not") return !truth(value);
    if (!isNumber(value)) throw refused(`${operator} is for numbers, not ${kind(value)}`);
    const signed = operator === "-" ? -numberOf(value) : numberOf(value);
    return value instanceof Float ? new Float(signed) : signed;
  }

  #member(n: Node, scope: Scope): Value {
    const held = this.#value(n["object"], scope);
    const property = node(n["property"]);
    if (property.type === "SliceExpression") return this.#slice(held, property, scope);
    const dotted = !n["computed"];
    const key: Value =
      dotted && property.type === "Identifier"
        ? Text.of(nameOf(property))
        : this.#value(property, scope);
    if (held instanceof Undefined) throw refused(`${held.name} is not there`);
    const named = key instanceof Text ? key.plain : undefined;
    const own = () => {
      if (held instanceof Dict) return held.get(str(key).plain);
      if (typeof key !== "number") return undefined;
      if (Array.isArray(held)) return held.at(key);
      if (held instanceof Text) return characters(held).at(key);
      return undefined;
    };
    const bound = () => (named === undefined ? undefined : method(held, named));
    const found = dotted && !(held instanceof Namespace) ? (bound() ?? own()) : (own() ?? bound());
    return found === undefined ? new Undefined(str(key).plain) : found;
  }

  #slice(held: Value, n: Node, scope: Scope): Value {
    const part = (x: unknown) => {
      const v = x === undefined ? null : this.#value(x, scope);
      if (v !== null && typeof v !== "number") throw refused(`a slice is cut at ${kind(v)}`);
      return v;
    };
    const [start, stop, step] = [part(n["start"]), part(n["stop"]), part(n["step"]) ?? 1];
    if (step === 0) throw refused("a slice's step is 0");
    if (!(held instanceof Text) && !Array.isArray(held))
      throw refused(`${kind(held)} has no slices`);
    const list = held instanceof Text ? characters(held) : held;
    const [low, high] = step > 0 ? [0, list.length] : [-1, list.length - 1];
    const bound = (x: number) => Math.min(high, Math.max(low, x < 0 ? x + list.length : x));
    const from = start === null ? (step > 0 ? low : high) : bound(start);
    const to = stop === null ? (step > 0 ? high : low) : bound(stop);
    const out: Value[] = [];
    for (let i = from; step > 0 ? i < to : i > to; i += step) out.push(list[i]);
    return held instanceof Text ? Text.join(out as Text[]) : out;
  }

  #binary(n: Node, scope: Scope): Value {
    const operator = (n["operator"] as Node).value as string;
    const a = this.#value(n["left"], scope);
    if (operator === "and") return truth(a) ? this.#value(n["right"], scope) : a;
    if (operator === "or") return truth(a) ? a : this.#value(n["right"], scope);
    const b = this.#value(n["right"], scope);
    switch (operator) {
      case "==":
        return equal(a, b);
      case "!=":
        return !equal(a, b);
      case "in":
        return holds(b, a);
      case "not in":
        return !holds(b, a);
      case "~":
        return this.#made(str(a).plus(str(b)));
      case "<":
        return less(a, b);
      case ">":
        return less(b, a);
      case "<=":
        return less(a, b) || equal(a, b);
      case ">=":
        return less(b, a) || equal(a, b);
      default:
        return this.#made(arithmetic(operator, a, b));
    }
  }
}
