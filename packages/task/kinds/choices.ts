/** Any number of several options. */
import { z } from "zod";
import type { FieldOf } from "@tiller/schema";
import { votesFrom } from "../aggregation.ts";
import { type FieldKind, labelOf, list, oneOf, valuesOf } from "./kind.ts";

export type ChoicesValue<F> = F extends { options: readonly { value: infer V }[] } ? V[] : never;

export const choices = {
  value: (f) => z.array(oneOf(f.options)).min(f.optional ? 0 : 1),
  nothing: [],
  initial: () => undefined,
  missing: (f, _i, value) => (list(value).length || f.optional ? undefined : "choose at least one"),
  wrong: () => undefined,
  words: (f, _i, value) =>
    list(value)
      .map((v) => labelOf(f.options, v))
      .join(", ") || "none",
  draw(f, _i, rng) {
    const some = f.options.filter(() => rng.next() < 0.5).map((o) => o.value);
    return some.length ? some : [rng.choose(f.options).value];
  },
  reads: {},
  second: null,
  order: null,
  aggregations: [...votesFrom("majority"), "none"],
  labels: (f) => valuesOf(f.options),
  each: true,
  scale: null,
  cell: "json",
  prose: false,
} satisfies FieldKind<FieldOf<"choices">>;
