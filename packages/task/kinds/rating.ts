/** A point on a scale of a few. */
import { z } from "zod";
import type { FieldOf } from "@tiller/schema";
import { votesFrom } from "../aggregation.ts";
import type { FieldKind } from "./kind.ts";

export const rating = {
  value: (f) => z.int().min(1).max(f.points),
  nothing: undefined,
  initial: () => undefined,
  missing: (_f, _i, value) => (value === undefined ? "choose a point" : undefined),
  wrong: () => undefined,
  words: (f, _i, value) => `${Number(value)} of ${f.points}`,
  draw: (f, _i, rng) => 1 + rng.int(f.points),
  reads: {},
  second: null,
  order: null,
  aggregations: ["mean", "median", ...votesFrom("majority"), "none"],
  labels: (f) => Array.from({ length: f.points }, (_, i) => String(i + 1)),
  each: false,
  scale: "ordinal",
  cell: "number",
  prose: false,
} satisfies FieldKind<FieldOf<"rating">>;
