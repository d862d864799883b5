/**
 * What an answer to a view looks like: its schema, what is missing or wrong in it, in words. One table row a kind of
 * field; the browser and the server use the same.
 */
import { z } from "zod";
import type { Field, View } from "@tiller/schema";
import { characterAround, measure } from "./measure.ts";
import { at, type Draft, listAt, put, textAt } from "./paths.ts";

type Kind = Field["kind"];
type Of<K extends Kind> = Extract<Field, { kind: K }>;

export interface Span {
  readonly start: number;
  readonly end: number;
  readonly label: string;
}

type Value<F> = F extends { kind: "choice" | "steps"; options: readonly { value: infer V }[] }
  ? F extends { kind: "steps" }
    ? V[]
    : V
  : F extends { kind: "choices"; options: readonly { value: infer V }[] }
    ? V[]
    : F extends { kind: "pair"; tie: infer T }
      ? "a" | "b" | (T extends false ? never : "tie")
      : F extends { kind: "rating" | "slider" }
        ? number
        : F extends { kind: "text" }
          ? string
          : F extends { kind: "ranking" }
            ? number[]
            : F extends { kind: "spans"; labels: readonly { value: infer V }[] }
              ? { start: number; end: number; label: V }[]
              : never;
type Optional = { optional: true };
type Asked<V extends View> = V["ask"][number];
/** The answer's type, read off a view written as a literal. */
export type AnswerOf<V extends View> = {
  [F in Exclude<Asked<V>, Optional> as F["name"]]: Value<F>;
} & { [F in Extract<Asked<V>, Optional> as F["name"]]?: Value<F> } & {
  [F in Asked<V> as F extends { confidence: infer C extends string } ? C : never]: number;
} & (Extract<Asked<V>, { step: number }> extends never ? unknown : { revealed: number[] });

const values = (xs: readonly { value: string }[]) => z.enum(xs.map((x) => x.value));
const shape: { [K in Kind]: (f: Of<K>) => z.ZodType } = {
  choice: (f) => values(f.options),
  choices: (f) => z.array(values(f.options)).min(f.optional ? 0 : 1),
  pair: (f) => z.enum(f.tie ? ["a", "b", "tie"] : ["a", "b"]),
  rating: (f) => z.int().min(1).max(f.points),
  slider: (f) => z.number().min(f.min).max(f.max),
  text: () => z.string().min(1).max(100_000),
  ranking: () => z.array(z.int().min(0).max(8)).min(2).max(9),
  spans: (f) =>
    z
      .array(
        z.strictObject({ start: z.int().min(0), end: z.int().min(1), label: values(f.labels) }),
      )
      .min(f.optional ? 0 : 1),
  steps: (f) => z.array(values(f.options)).min(1),
};
const shapeOf = (f: Field): z.ZodType => (shape[f.kind] as (f: Field) => z.ZodType)(f);

/** How many times more is revealed after the first look. */
export const revealsOf = (view: View): number =>
  Math.max(0, ...[...view.show, ...view.ask].map((x) => x.step ?? 0));

/** The schema of the answers to a view; dotted names make objects. */
export function outputOf(view: View): z.ZodType<Draft> {
  const entries: [string, z.ZodType][] = view.ask.flatMap((f) => {
    const own: [string, z.ZodType] = [f.name, f.optional ? shapeOf(f).optional() : shapeOf(f)];
    const degree = z.int().min(1).max(9);
    return f.kind === "pair" && f.confidence
      ? [own, [f.confidence, f.optional ? degree.optional() : degree]]
      : [own];
  });
  const reveals = revealsOf(view);
  if (reveals) entries.push(["revealed", z.array(z.number().min(0)).min(reveals).max(reveals)]);
  return nest(entries) as z.ZodType<Draft>;
}
function nest(entries: readonly [string, z.ZodType][]): z.ZodType {
  const groups = Map.groupBy(entries, ([path]) => path.split(".")[0]!);
  return z.strictObject(
    Object.fromEntries(
      [...groups].map(([key, inside]) => {
        const deeper = inside.map(
          ([path, s]) => [path.slice(key.length + 1), s] as [string, z.ZodType],
        );
        return [key, deeper[0]![0] === "" ? deeper[0]![1] : nest(deeper)];
      }),
    ),
  );
}

const about = (label: string, what: string) =>
  `${label}${/[?!.:]$/.test(label) ? "" : ":"} ${what}`;
const many = (n: number, one: string) => `${n} ${one}${n === 1 ? "" : "s"}`;
const list = (v: unknown): readonly unknown[] => (Array.isArray(v) ? v : []);
const empty = (f: Field, v: unknown): boolean =>
  v === undefined ||
  (typeof v === "string" && v.trim() === "") ||
  (Array.isArray(v) && v.length === 0 && f.kind !== "spans" && f.kind !== "choices");

/** What is still missing in a field that has begun or not; undefined: nothing. */
const missingIn: { [K in Kind]: (f: Of<K>, input: unknown, v: unknown) => string | undefined } = {
  choice: (_f, _i, v) => (v === undefined ? "choose one" : undefined),
  choices: (f, _i, v) => (list(v).length || f.optional ? undefined : "choose at least one"),
  pair: (_f, _i, v) => (v === undefined ? "choose a side" : undefined),
  rating: (_f, _i, v) => (v === undefined ? "choose a point" : undefined),
  slider: (_f, _i, v) => (v === undefined ? "give a number" : undefined),
  text: (f, _i, v) => {
    const text = typeof v === "string" ? v : "";
    if (!text.trim()) return "write an answer";
    const { unit, min = 0 } = f.limit ?? { unit: "words" };
    const lacks = min - measure[unit](text);
    return lacks > 0 ? `${many(lacks, unit.slice(0, -1))} more, at least ${min}` : undefined;
  },
  ranking: (f, input, v) => {
    const left = listAt(input, f.items).length - list(v).length;
    return left > 0 ? `rank ${left} more` : undefined;
  },
  spans: (f, _i, v) => (list(v).length || f.optional ? undefined : "mark at least one place"),
  steps: (f, input, v) => {
    const done = list(v);
    const left = listAt(input, f.from).length - done.length;
    return left > 0 && (f.stopAt === undefined || done.at(-1) !== f.stopAt)
      ? `label ${many(left, "more step")}`
      : undefined;
  },
};

/** What a rater still has to do before this can be sent, in words; `step`: up to this reveal only. */
export function missing(view: View, input: unknown, value: Draft, upTo = Infinity): string[] {
  return view.ask
    .filter((f) => (f.step ?? 0) <= upTo && missingOf(f, input, value) !== undefined)
    .map((f) => about(f.label, missingOf(f, input, value)!));
}
export function missingOf(f: Field, input: unknown, value: Draft): string | undefined {
  const v = at(value, f.name);
  if (f.optional && empty(f, v)) return undefined;
  return (missingIn[f.kind] as (f: Field, i: unknown, v: unknown) => string | undefined)(
    f,
    input,
    v,
  );
}

/** What is wrong with what is there. */
const wrongIn: { [K in Kind]?: (f: Of<K>, input: unknown, value: Draft) => string | undefined } = {
  text: (f, _i, value) => {
    const { unit, max = Infinity } = f.limit ?? { unit: "characters", max: 100_000 };
    const over = measure[unit](at(value, f.name) as string) - max;
    return over > 0 ? `${many(over, unit.slice(0, -1))} too many, at most ${max}` : undefined;
  },
  pair: (f, _i, value) => {
    if (!f.confidence) return undefined;
    const degree = Number(at(value, f.confidence));
    const side = degree < 5 ? "a" : degree > 5 ? "b" : "tie";
    return side === at(value, f.name)
      ? undefined
      : `the degree ${degree} does not go with the choice`;
  },
  ranking: (f, input, value) => {
    const [items, places] = [listAt(input, f.items).length, list(at(value, f.name))];
    const whole = new Set(places).size === places.length && places.every((p) => Number(p) < items);
    return whole ? undefined : `each of ${items} items once`;
  },
  spans: (f, input, value) => {
    const text = textAt(input, f.from);
    for (const { start, end } of list(at(value, f.name)) as Span[]) {
      if (start >= end || end > text.length)
        return `no text from ${start} to ${end}; it has ${text.length} code units`;
      for (const place of [start, end]) {
        const inside = characterAround(text, place);
        if (inside)
          return `the mark from ${start} to ${end} cuts ${JSON.stringify(text.slice(inside.start, inside.end))} in two, which stands from ${inside.start} to ${inside.end}`;
      }
    }
    return undefined;
  },
  steps: (f, input, value) => {
    const [steps, labels] = [listAt(input, f.from).length, list(at(value, f.name))];
    if (labels.length > steps) return `${labels.length} labels for ${many(steps, "step")}`;
    const stop = f.stopAt === undefined ? -1 : labels.indexOf(f.stopAt);
    return stop >= 0 && stop < labels.length - 1 ? "labels after the first mistake" : undefined;
  },
};

const schemas = new WeakMap<View, z.ZodType>();
/** Everything that keeps an answer from being taken, in words; empty: it is right. */
export function problemsOf(view: View, input: unknown, value: Draft): string[] {
  const lacks = missing(view, input, value);
  if (lacks.length) return lacks;
  if (!schemas.has(view)) schemas.set(view, outputOf(view));
  const parsed = schemas.get(view)!.safeParse(value);
  if (!parsed.success) {
    const name = (path: string) =>
      view.ask.find((f) => f.name === path)?.label ?? (path || "The answer");
    return parsed.error.issues.map((i) => about(name(i.path.join(".")), i.message));
  }
  return view.ask.flatMap((f) => {
    const look = wrongIn[f.kind] as
      | ((f: Field, i: unknown, v: Draft) => string | undefined)
      | undefined;
    const wrong = at(value, f.name) === undefined ? undefined : look?.(f, input, value);
    return wrong ? [about(f.label, wrong)] : [];
  });
}

/** Where a form starts: at the draft, else empty, texts to edit as they are. */
export function initialValue(view: View, input: unknown, draft?: unknown): Draft {
  const given = draft !== null && typeof draft === "object" ? (draft as Draft) : {};
  return view.ask.reduce<Draft>(
    (value, f) =>
      f.kind === "text" && f.edits && at(value, f.name) === undefined
        ? put(value, f.name, textAt(input, f.edits))
        : value,
    given,
  );
}
