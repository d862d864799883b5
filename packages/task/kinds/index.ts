/** The kinds of field, a total table: `view.ts` of the schema says what each is made of, its file here everything else. */
import { type Block, type Field, type FieldOf, own, type View } from "@tiller/schema";
import { choice, type ChoiceValue } from "./choice.ts";
import { choices, type ChoicesValue } from "./choices.ts";
import type { FieldKind, Kind } from "./kind.ts";
import { pair, type PairValue } from "./pair.ts";
import { ranking } from "./ranking.ts";
import { rating } from "./rating.ts";
import { slider } from "./slider.ts";
import { spans, type SpansValue } from "./spans.ts";
import { steps, type StepsValue } from "./steps.ts";
import { text } from "./text.ts";

const kinds = {
  choice,
  choices,
  pair,
  rating,
  slider,
  text,
  ranking,
  spans,
  steps,
} satisfies { readonly [K in Kind]: FieldKind<FieldOf<K>> };
/** The ways in which the values of a field written as a literal may be joined. */
export type AggregationOf<F> = F extends { kind: infer K extends Kind }
  ? (typeof kinds)[K]["aggregations"][number]
  : never;
/** The type of a value, read off a field written as a literal. */
interface Values<F> {
  choice: ChoiceValue<F>;
  choices: ChoicesValue<F>;
  pair: PairValue<F>;
  rating: number;
  slider: number;
  text: string;
  ranking: number[];
  spans: SpansValue<F>;
  steps: StepsValue<F>;
}
export type ValueOf<F> = F extends { kind: infer K extends Kind } ? Values<F>[K] : never;

export const fieldKinds = Object.keys(kinds) as readonly Kind[];
/** What is known about a kind of field. */
export const kindNamed = (kind: Kind): FieldKind => kinds[kind] as unknown as FieldKind;
/** What is known about the kind of this field. */
export const kindOfField = (f: Field): FieldKind => kindNamed(f.kind);

/** The fields of an answer: those that a view asks, and the second ones that these name. */
export const fieldsOf = (view: View): readonly Field[] =>
  view.ask.flatMap((f) => [f, ...secondOf(f)]);
export const secondOf = (f: Field): readonly Field[] => {
  const second = kindOfField(f).second?.field(f);
  return second ? [second] : [];
};

/** The paths into the input that a block shows, and what stands there. */
export const shownBy = (b: Block): { path: string; what: "text" | "list" | "turns" }[] =>
  b.kind === "note"
    ? []
    : b.kind === "changes"
      ? [b.from, b.was].map((path) => ({ path, what: "text" }))
      : [{ path: b.from, what: b.kind }];

/** The paths in the input that a field reads. */
export const readBy = (f: Field): { path: string; what: "text" | "list" }[] =>
  Object.entries(kindOfField(f).reads).flatMap(([key, what]) => {
    const path = own(f as Readonly<Record<string, unknown>>, key);
    return typeof path === "string" && path ? [{ path, what }] : [];
  });
