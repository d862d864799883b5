/** Places in a text with labels, as offsets in UTF-16 units that cut no character. */
import { z } from "zod";
import type { FieldOf } from "@tiller/schema";
import { characterAround } from "../measure.ts";
import { textAt } from "../paths.ts";
import { type FieldKind, labelOf, list, oneOf } from "./kind.ts";

export interface Span {
  readonly start: number;
  readonly end: number;
  readonly label: string;
}
export type SpansValue<F> = F extends { labels: readonly { value: infer V }[] }
  ? { start: number; end: number; label: V }[]
  : never;

export const spans = {
  value: (f) =>
    z
      .array(z.strictObject({ start: z.int().min(0), end: z.int().min(1), label: oneOf(f.labels) }))
      .min(f.optional ? 0 : 1),
  nothing: [],
  initial: () => undefined,
  missing: (f, _i, value) =>
    list(value).length || f.optional ? undefined : "mark at least one place",
  wrong(f, input, value) {
    const text = textAt(input, f.from);
    for (const { start, end } of list(value) as Span[]) {
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
  words(f, input, value) {
    const text = textAt(input, f.from);
    const marks = (list(value) as Span[]).map(
      ({ start, end, label }) => `“${text.slice(start, end)}”: ${labelOf(f.labels, label)}`,
    );
    return marks.join(", ") || "nothing marked";
  },
  draw(f, input, rng) {
    const words = [...textAt(input, f.from).matchAll(/[\p{L}\p{M}\p{N}\p{Join_Control}'’-]+/gu)];
    if (!words.length) return [];
    const first = rng.int(words.length);
    const last = words[Math.min(words.length - 1, first + rng.int(4))]!;
    return [
      {
        start: words[first]!.index,
        end: last.index + last[0].length,
        label: rng.choose(f.labels).value,
      },
    ];
  },
  reads: { from: "text" },
  second: null,
  order: null,
  aggregations: ["spans-majority", "spans-union", "none"],
  labels: () => undefined,
  each: false,
  scale: null,
  cell: "json",
  prose: false,
} satisfies FieldKind<FieldOf<"spans">>;
