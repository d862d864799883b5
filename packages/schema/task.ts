/**
 * A kind of work is one file: what is shown, what is asked, how answers are checked, aggregated and simulated. From a
 * `TaskDef` come the form, the validation, the storage, the API, the export and the preview.
 */
import { z } from "zod";
import type { Rng } from "./rng.ts";

/** What the desk shows, top to bottom; `from` is a dotted path into the task's input. */
export const Block = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("text"), from: z.string(), label: z.string().optional() }),
]);
export type Block = z.infer<typeof Block>;

/** What the desk asks, one entry a key of the answer. */
export const Field = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("choice"),
    name: z.string(),
    label: z.string(),
    options: z.array(z.strictObject({ value: z.string(), label: z.string() })).min(2),
  }),
  z.strictObject({
    kind: z.literal("pair"),
    name: z.string(),
    label: z.string(),
    a: z.string().describe("path of the text of a"),
    b: z.string().describe("path of the text of b"),
    tie: z.boolean(),
  }),
  z.strictObject({ kind: z.literal("text"), name: z.string(), label: z.string() }),
]);
export type Field = z.infer<typeof Field>;

export const View = z.strictObject({ show: z.array(Block), ask: z.array(Field).min(1) });
export type View = z.infer<typeof View>;

export interface TaskDef<I = unknown, O = unknown> {
  readonly name: string;
  /** goes up with every change of the instructions, the view or the schemas; answers are stamped with it */
  readonly version: string;
  readonly title: string;
  /** Markdown */
  readonly instructions: string;
  readonly input: z.ZodType<I>;
  readonly output: z.ZodType<O>;
  readonly view: View;
  /** What a simulated rater answers; `skill` in [0, 1]: 0 answers at random. */
  readonly simulate: (input: I, o: { rng: Rng; skill: number }) => O;
  /** What is wrong with an answer that the schema lets through, in words for the rater. */
  readonly check?: (input: I, output: O) => string | undefined;
  /** Inputs for the preview and the tests. */
  readonly samples: readonly I[];
}

/** Declares a kind of work. */
export const defineTask = <I, O>(def: TaskDef<I, O>): TaskDef<I, O> => def;
