/** Which of two texts; with a tie, and with a degree from 1, surely a, over 5 to 9, surely b. */
import { z } from "zod";
import type { FieldOf } from "@tiller/schema";
import { votesFrom } from "../aggregation.ts";
import { textAt } from "../paths.ts";
import type { FieldKind } from "./kind.ts";

export type PairValue<F> = F extends { tie: infer T }
  ? "a" | "b" | (T extends false ? never : "tie")
  : never;

const sides = (swap: boolean) => (swap ? (["b", "a"] as const) : (["a", "b"] as const));
const labels = (f: FieldOf<"pair">) =>
  f.tie ? (["a", "b", "tie"] as const) : (["a", "b"] as const);
const sideOf = (degree: number) => (degree < 5 ? "a" : degree > 5 ? "b" : "tie");

export const pair = {
  value: (f) => z.enum(labels(f)),
  nothing: undefined,
  initial: () => undefined,
  missing: (_f, _i, value) => (value === undefined ? "choose a side" : undefined),
  wrong: () => undefined,
  words: (f, input, value) =>
    value === "a" || value === "b" ? textAt(input, f[value]).trim() || value : "No difference",
  draw: (f, _i, rng) => (f.tie && rng.next() < 0.1 ? "tie" : rng.next() < 0.5 ? "a" : "b"),
  reads: { a: "text", b: "text" },
  second: {
    key: "confidence",
    field: ({ confidence, label, optional }) =>
      confidence
        ? {
            kind: "rating",
            name: confidence,
            label,
            optional,
            points: 9,
            low: "surely a",
            high: "surely b",
          }
        : undefined,
    draw(side, rng) {
      const sure = 1 + rng.int(4);
      return side === "tie" ? 5 : side === "a" ? 5 - sure : 5 + sure;
    },
    wrong: (side, degree) =>
      sideOf(Number(degree)) === side
        ? undefined
        : `the degree ${Number(degree)} does not go with the choice`,
  },
  order: { swapped: sides, draw: (_f, _i, rng) => sides(rng.next() < 0.5) },
  aggregations: [...votesFrom("one-coin"), "bradley-terry", "none"],
  labels,
  each: false,
  scale: "nominal",
  cell: "text",
  prose: false,
} satisfies FieldKind<FieldOf<"pair">>;
