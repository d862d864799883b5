/** One of several options. */
import type { FieldOf } from "@tiller/schema";
import { votesFrom } from "../aggregation.ts";
import { type FieldKind, labelOf, oneOf, valuesOf } from "./kind.ts";

export type ChoiceValue<F> = F extends { options: readonly { value: infer V }[] } ? V : never;

export const choice = {
  value: (f) => oneOf(f.options),
  nothing: undefined,
  initial: () => undefined,
  missing: (_f, _i, value) => (value === undefined ? "choose one" : undefined),
  wrong: () => undefined,
  words: (f, _i, value) => labelOf(f.options, value),
  draw: (f, _i, rng) => rng.choose(f.options).value,
  reads: {},
  second: null,
  order: null,
  aggregations: [...votesFrom("majority"), "none"],
  labels: (f) => valuesOf(f.options),
  each: false,
  scale: "nominal",
  cell: "text",
  prose: false,
} satisfies FieldKind<FieldOf<"choice">>;
