/** The items of a list in order: their places, the best first. */
import { z } from "zod";
import type { FieldOf } from "@tiller/schema";
import { listAt, textOf } from "../paths.ts";
import { type FieldKind, list } from "./kind.ts";

export const ranking = {
  value: () => z.array(z.int().min(0).max(8)).min(2).max(9),
  nothing: undefined,
  initial: () => undefined,
  missing(f, input, value) {
    const left = listAt(input, f.items).length - list(value).length;
    return left > 0 ? `rank ${left} more` : undefined;
  },
  wrong(f, input, value) {
    const [items, places] = [listAt(input, f.items).length, list(value)];
    const whole = new Set(places).size === places.length && places.every((p) => Number(p) < items);
    return whole ? undefined : `each of ${items} items once`;
  },
  words(f, input, value) {
    const items = listAt(input, f.items);
    return list(value)
      .map((place, i) => `${i + 1}. ${textOf(items[Number(place)]).trim()}`)
      .join(", ");
  },
  draw: (f, input, rng) => rng.shuffle(listAt(input, f.items).map((_, i) => i)),
  reads: { items: "list" },
  second: null,
  order: {
    swapped: null,
    draw: (f, input, rng) => rng.shuffle(listAt(input, f.items).map((_, i) => i)),
  },
  aggregations: ["mean-place", "none"],
  labels: () => undefined,
  each: false,
  scale: null,
  cell: "json",
  prose: false,
} satisfies FieldKind<FieldOf<"ranking">>;
