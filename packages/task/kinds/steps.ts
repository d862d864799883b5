/** A label for each step of a list, or up to the first mistake. */
import { z } from "zod";
import type { FieldOf } from "@tiller/schema";
import { listAt } from "../paths.ts";
import { type FieldKind, labelOf, list, many, oneOf } from "./kind.ts";

export type StepsValue<F> = F extends { options: readonly { value: infer V }[] } ? V[] : never;

export const steps = {
  value: (f) => z.array(oneOf(f.options)).min(1),
  nothing: undefined,
  initial: () => undefined,
  missing(f, input, value) {
    const done = list(value);
    const left = listAt(input, f.from).length - done.length;
    return left > 0 && (f.stopAt === undefined || done.at(-1) !== f.stopAt)
      ? `label ${many(left, "more step")}`
      : undefined;
  },
  wrong(f, input, value) {
    const [there, labels] = [listAt(input, f.from).length, list(value)];
    if (labels.length > there) return `${labels.length} labels for ${many(there, "step")}`;
    const stop = f.stopAt === undefined ? -1 : labels.indexOf(f.stopAt);
    return stop >= 0 && stop < labels.length - 1 ? "labels after the first mistake" : undefined;
  },
  words: (f, _i, value) =>
    list(value)
      .map((label, i) => `${i + 1}. ${labelOf(f.options, label)}`)
      .join(", "),
  draw(f, input, rng) {
    const labels: string[] = [];
    for (const _ of listAt(input, f.from)) {
      labels.push(rng.choose(f.options).value);
      if (labels.at(-1) === f.stopAt) break;
    }
    return labels;
  },
  reads: { from: "list" },
  second: null,
  order: null,
  aggregations: ["steps-majority", "none"],
  labels: () => undefined,
  each: false,
  scale: null,
  cell: "json",
  prose: false,
} satisfies FieldKind<FieldOf<"steps">>;
