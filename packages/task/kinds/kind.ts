/**
 * Everything that is known about a kind of field. One file a kind, `index.ts` has the table. Nothing may be left out: who
 * adds a kind answers each of these, and `null` or `undefined` is an answer.
 */
import { z } from "zod";
import type { Field, Measured, Rng, Shown } from "@tiller/schema";
import type { Aggregation } from "../aggregation.ts";

export type Kind = Field["kind"];

export interface FieldKind<F extends Field = Field> {
  /** The schema of a value. */
  value(f: F): z.ZodType;
  /** What who marks nothing has answered; undefined: nothing is no answer. */
  readonly nothing: readonly [] | undefined;
  /** Where a form starts. */
  initial(f: F, input: unknown): unknown;
  /** What a rater still has to do, in words; undefined: nothing. */
  missing(f: F, input: unknown, value: unknown): string | undefined;
  /** What is wrong with a value that the schema lets through, in words; undefined: nothing. */
  wrong(f: F, input: unknown, value: unknown): string | undefined;
  /** A value as the form has it, in words. */
  words(f: F, input: unknown, value: unknown): string;
  /** A value drawn by chance alone; from the input's own seed it is the hidden right one of the simulation. */
  draw(f: F, input: unknown, rng: Rng): unknown;
  /** Keys of the field that hold paths into the input, and what stands there. */
  readonly reads: Readonly<Partial<Record<Extract<keyof F, string>, "text" | "list">>>;
  /** A second value of the answer, which a key of the field names. */
  readonly second: Second<F> | null;
  /** What is shown in an order drawn for each lease; `drawShown` keeps it. */
  readonly order: Order<F> | null;
  /** How several people's values become one; the first unless the kind of work says otherwise. */
  readonly aggregations: readonly [Aggregation, ...Aggregation[]];
  /** The labels that are voted for, in order; undefined: those that occur. */
  labels(f: F): readonly string[] | undefined;
  /** A value is a list of labels, and each of them a vote of its own. */
  readonly each: boolean;
  /** How values compare when agreement is measured; null: not at all. */
  readonly scale: Measured["scale"] | null;
  /** As what a value stands in a cell of a file, and comes out of the database's JSON. */
  readonly cell: "text" | "number" | "json";
  /** The rater's own words: signals look for copied ones. */
  readonly prose: boolean;
}

interface Second<F extends Field> {
  readonly key: Extract<keyof F, string>;
  /** the question behind it, where the field asks it */
  field(f: F): Field | undefined;
  draw(first: unknown, rng: Rng): unknown;
  /** what is wrong with the two together */
  wrong(first: unknown, second: unknown): string | undefined;
}

interface Order<F extends Field> {
  draw(f: F, input: unknown, rng: Rng): Shown[string];
  /** the first of a task goes by the lease's swap; null: each is drawn */
  readonly swapped: ((swap: boolean) => Shown[string]) | null;
}

export const valuesOf = (options: readonly { value: string }[]): string[] =>
  options.map((o) => o.value);
export const oneOf = (options: readonly { value: string }[]): z.ZodType =>
  z.enum(valuesOf(options));
export const labelOf = (
  options: readonly { value: string; label: string }[],
  value: unknown,
): string => options.find((o) => o.value === value)?.label || String(value);
export const list = (v: unknown): readonly unknown[] => (Array.isArray(v) ? v : []);
/** "1 word", "2 words". */
export const many = (n: number, one: string): string => `${n} ${one}${n === 1 ? "" : "s"}`;
