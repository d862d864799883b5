/**
 * What an answer to a view looks like: its schema, what is missing or wrong in it, in words. One table row a kind of
 * field; the browser and the server use the same.
 */
import { z } from "zod";
import type { Field, Limit, View } from "./view.ts";
import { own } from "./own.ts";

type Kind = Field["kind"];
type Of<K extends Kind> = Extract<Field, { kind: K }>;

/** An answer, whole or in the making. */
export type Draft = Readonly<Record<string, unknown>>;
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

/** The value at a dotted path. */
export const at = (value: unknown, path: string): unknown =>
  path
    .split(".")
    .reduce<unknown>(
      (v, key) =>
        v !== null && typeof v === "object" && Object.hasOwn(v, key)
          ? (v as Draft)[key]
          : undefined,
      value,
    );
/** The value with another one at a dotted path; undefined takes it away. */
export function put(value: Draft, path: string, set: unknown): Draft {
  const [key, ...rest] = path.split(".") as [string, ...string[]];
  const inner = rest.length ? put((own(value, key) ?? {}) as Draft, rest.join("."), set) : set;
  const { [key]: _, ...others } = value;
  return inner === undefined ? others : { ...value, [key]: inner };
}
/** The text at a path, where a string or a {text} stands. */
export const textAt = (input: unknown, path: string): string => textOf(at(input, path));
export const textOf = (v: unknown): string =>
  typeof v === "string" ? v : typeof at(v, "text") === "string" ? (at(v, "text") as string) : "";
export const listAt = (input: unknown, path: string): readonly unknown[] => {
  const found = at(input, path);
  return Array.isArray(found) ? found : [];
};

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

// one locale, so that the browser and the server count the same
const characters = new Intl.Segmenter("en", { granularity: "grapheme" });
const wordsOf = new Intl.Segmenter("en", { granularity: "word" });
/** Scripts that put no spaces between words. */
const unspaced =
  /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]/u;
const count = (xs: Iterable<unknown>): number => {
  let n = 0;
  for (const _ of xs) n++;
  return n;
};
/** Words as [start, end): between spaces, without the punctuation behind; in scripts without spaces by a dictionary. */
export const wordsIn = (text: string): (readonly [number, number])[] =>
  [...text.matchAll(/\S+/g)].flatMap(({ 0: piece, index }): [number, number][] => {
    if (unspaced.test(piece))
      return [...wordsOf.segment(piece)]
        .filter((s) => s.isWordLike)
        .map((s) => [index + s.index, index + s.index + s.segment.length]);
    const word = piece.replace(/[.,;:!?”"')\]]+$/u, "") || piece;
    return [[index, index + word.length]];
  });
const words = (text: string) => wordsIn(text).length;
// as GPT-2 splits text before it merges; a long word counts for one token in every eight letters, where each sign is a
// word or a syllable for one a sign
const pieces = /'(?:s|t|re|ve|m|ll|d)| ?\p{L}+| ?\p{N}{1,3}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;
const tokens = (text: string) =>
  (text.match(pieces) ?? []).reduce(
    (n, piece) => n + (unspaced.test(piece) ? count(piece.trim()) : Math.ceil(piece.length / 8)),
    0,
  );
/** How much of a limited text there is. Tokens are an estimate that suits English and many tokenizers. */
export const measure: Record<Limit["unit"], (text: string) => number> = {
  words,
  tokens,
  // what people take for one: an emoji of several code points, a letter with its accents
  characters: (text) => (/^[\n -~]*$/.test(text) ? text.length : count(characters.segment(text))),
};

/**
 * Where the character around a place in a text begins and ends; undefined: the place is between two. The halves of a
 * line end (CR, LF) are two, since marks of other tools may end there.
 */
export function characterAround(
  text: string,
  place: number,
): { start: number; end: number } | undefined {
  if (place <= 0 || place >= text.length || text.slice(place - 1, place + 1) === "\r\n")
    return undefined;
  // characters are short: their neighbourhood says where they are
  const from = Math.max(0, place - 128);
  const found = characters.segment(text.slice(from, place + 128)).containing(place - from)!;
  const [start, end] = [from + found.index, from + found.index + found.segment.length];
  return start < place ? { start, end } : undefined;
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
