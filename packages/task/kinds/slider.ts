/** A number between two. */
import { z } from "zod";
import type { FieldOf } from "@tiller/schema";
import { votesFrom } from "../aggregation.ts";
import type { FieldKind } from "./kind.ts";

export const slider = {
  value: (f) => z.number().min(f.min).max(f.max),
  nothing: undefined,
  initial: () => undefined,
  missing: (_f, _i, value) => (value === undefined ? "give a number" : undefined),
  wrong: () => undefined,
  words: (f, _i, value) => [Number(value), f.unit].filter((x) => x !== undefined).join(" "),
  /** A whole number where there is one. */
  draw(f, _i, rng) {
    const drawn = f.min + rng.next() * (f.max - f.min);
    const whole = Math.round(drawn);
    return whole >= f.min && whole <= f.max ? whole : drawn;
  },
  reads: {},
  second: null,
  order: null,
  aggregations: ["mean", "median", ...votesFrom("majority"), "none"],
  labels: () => undefined,
  each: false,
  scale: "interval",
  cell: "number",
  prose: false,
} satisfies FieldKind<FieldOf<"slider">>;
