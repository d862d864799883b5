/**
 * What an answer to a view looks like: its schema, what is missing or wrong in it, in words. All from the kinds of its
 * fields; the browser and the server use the same.
 */
import { z } from "zod";
import type { Field, View } from "@tiller/schema";
import { fieldsOf, kindOfField, secondOf, type ValueOf } from "./kinds/index.ts";
import { at, type Draft, put } from "./paths.ts";

type Optional = { optional: true };
type Asked<V extends View> = V["ask"][number];
/** The answer's type, read off a view written as a literal. */
export type AnswerOf<V extends View> = {
  [F in Exclude<Asked<V>, Optional> as F["name"]]: ValueOf<F>;
} & { [F in Extract<Asked<V>, Optional> as F["name"]]?: ValueOf<F> } & {
  [F in Asked<V> as F extends { confidence: infer C extends string } ? C : never]: number;
} & (Extract<Asked<V>, { step: number }> extends never ? unknown : { revealed: number[] });

/** How many times more is revealed after the first look. */
export const revealsOf = (view: View): number =>
  Math.max(0, ...[...view.show, ...view.ask].map((x) => x.step ?? 0));

/** The schema of the answers to a view; dotted names make objects. */
export function outputOf(view: View): z.ZodType<Draft> {
  const entries = fieldsOf(view).map((f): [string, z.ZodType] => {
    const value = kindOfField(f).value(f);
    return [f.name, f.optional ? value.optional() : value];
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
const empty = (f: Field, v: unknown): boolean =>
  v === undefined ||
  (typeof v === "string" && v.trim() === "") ||
  (Array.isArray(v) && v.length === 0 && !kindOfField(f).nothing);

/** What a rater still has to do before this can be sent, in words; `step`: up to this reveal only. */
export function missing(view: View, input: unknown, value: Draft, upTo = Infinity): string[] {
  return view.ask
    .filter((f) => (f.step ?? 0) <= upTo && missingOf(f, input, value) !== undefined)
    .map((f) => about(f.label, missingOf(f, input, value)!));
}
export function missingOf(f: Field, input: unknown, value: Draft): string | undefined {
  const v = at(value, f.name);
  return f.optional && empty(f, v) ? undefined : kindOfField(f).missing(f, input, v);
}

/** What is wrong with what is there. */
function wrongOf(f: Field, input: unknown, value: Draft): string | undefined {
  const v = at(value, f.name);
  if (v === undefined) return undefined;
  const kind = kindOfField(f);
  const said = kind.wrong(f, input, v);
  if (said) return said;
  const [other] = secondOf(f).map(({ name }) => at(value, name));
  return other === undefined ? undefined : kind.second!.wrong(v, other);
}

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
    const wrong = wrongOf(f, input, value);
    return wrong ? [about(f.label, wrong)] : [];
  });
}

/** Where a form starts: at the draft, else as its fields begin. */
export function initialValue(view: View, input: unknown, draft?: unknown): Draft {
  const given = draft !== null && typeof draft === "object" ? (draft as Draft) : {};
  return view.ask.reduce<Draft>((value, f) => {
    const start = at(value, f.name) === undefined ? kindOfField(f).initial(f, input) : undefined;
    return start === undefined ? value : put(value, f.name, start);
  }, given);
}

/** The value of a field in words: the label of an option, the text of a side. */
export function inWords(view: View, input: unknown, name: string, value: unknown): string {
  if (value === undefined) return "nothing";
  const f = fieldsOf(view).find((x) => x.name === name);
  if (f) return kindOfField(f).words(f, input, value);
  return typeof value === "string" ? value : JSON.stringify(value);
}
