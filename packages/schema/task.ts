/**
 * A kind of work is one file: what is shown, what is asked, how answers are checked, aggregated and simulated. From a
 * `TaskDef` come the form, the validation, the storage, the API, the export and the preview. The view is data, so a
 * server or a browser without the code of a kind still shows it; `answer.ts` derives the answer's schema from it.
 */
import { z } from "zod";
import { type AnswerOf, outputOf } from "./answer.ts";
import type { Rng } from "./rng.ts";
import { simulateView } from "./simulate-view.ts";

const step = z.int().min(0).optional().describe("shown after this many reveals; the default is 0");
const from = z.string().describe("dotted path into the task's input");
const format = z.enum(["plain", "markdown"]).optional();
const shown = { label: z.string().optional(), step };

/** What the desk shows, top to bottom. */
export const Block = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("text"), from, format, ...shown }),
  z.strictObject({ kind: z.literal("note"), text: z.string().describe("Markdown"), step }),
  z.strictObject({ kind: z.literal("list"), from, ...shown }).describe("of strings or {text}"),
  z.strictObject({ kind: z.literal("turns"), from, ...shown }).describe("of {role, text}"),
]);
export type Block = z.infer<typeof Block>;

const Option = z.strictObject({ value: z.string(), label: z.string() });
const options = z.array(Option).min(2).readonly();
const asked = {
  name: z.string().min(1).describe("key of the answer; dots lead into objects"),
  label: z.string(),
  help: z.string().optional(),
  optional: z.boolean().optional(),
  step,
};
const Limit = z.strictObject({
  unit: z.enum(["words", "tokens", "characters"]),
  min: z.int().optional(),
  max: z.int().optional(),
});
export type Limit = z.infer<typeof Limit>;

/** What the desk asks, one entry a key of the answer. */
export const Field = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("choice"), ...asked, options }),
  z.strictObject({ kind: z.literal("choices"), ...asked, options }).describe("any number of them"),
  z.strictObject({
    kind: z.literal("pair"),
    ...asked,
    a: z.string().describe("path of the text of a"),
    b: z.string().describe("path of the text of b"),
    tie: z.boolean(),
    confidence: z
      .string()
      .optional()
      .describe("key that takes the degree, 1 surely a ... 5 no difference ... 9 surely b"),
  }),
  z.strictObject({
    kind: z.literal("rating"),
    ...asked,
    points: z.int().min(2).max(9),
    low: z.string(),
    high: z.string(),
  }),
  z.strictObject({
    kind: z.literal("slider"),
    ...asked,
    min: z.number(),
    max: z.number(),
    unit: z.string().optional(),
    low: z.string().optional(),
    high: z.string().optional(),
  }),
  z.strictObject({
    kind: z.literal("text"),
    ...asked,
    rows: z.int().optional(),
    limit: Limit.optional(),
    edits: z.string().optional().describe("path of the text to start from; changes are shown"),
  }),
  z.strictObject({
    kind: z.literal("ranking"),
    ...asked,
    items: z
      .string()
      .describe("path of 2 to 9 strings or {text}; the answer is places, best first"),
  }),
  z.strictObject({
    kind: z.literal("spans"),
    ...asked,
    from,
    labels: options.describe("or one"),
  }),
  z.strictObject({
    kind: z.literal("steps"),
    ...asked,
    from,
    options,
    stopAt: z.string().optional().describe("no step after one with this label is asked"),
  }),
]);
export type Field = z.infer<typeof Field>;

export const View = z.strictObject({
  show: z.array(Block).readonly(),
  ask: z.array(Field).min(1).readonly(),
});
export type View = z.infer<typeof View>;

/** How the answers of several people to one field become one; `crowd/tasks/aggregate.ts` computes them. */
export const aggregations = [
  "majority",
  "wawa",
  "one-coin",
  "dawid-skene",
  "glad",
  "mace",
  "bradley-terry",
  "mean",
  "median",
  "mean-place",
  "spans-majority",
  "spans-union",
  "steps-majority",
  "none",
] as const;
export type Aggregation = (typeof aggregations)[number];

/** Methods, not properties, so that a list may hold kinds of work with different inputs. */
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
  /** by name of the field; the others as their kind has it */
  readonly aggregate?: Readonly<Record<string, Aggregation>>;
  /** What a simulated rater answers; `skill` in [0, 1]: 0 answers at random. */
  simulate(input: I, o: { rng: Rng; skill: number }): O;
  /** What is wrong with an answer that the view's own rules let through, in words for the rater. */
  check?(input: I, output: O): string | undefined;
  /** Inputs for the preview and the tests. */
  readonly samples: readonly I[];
}

/** Declares a kind of work. What the view says already (the answer's schema, a simulated rater) may be left out. */
export function defineTask<I, const V extends View, O = AnswerOf<V>>(
  def: Omit<TaskDef<I, O>, "output" | "simulate" | "view"> & {
    readonly view: V;
    readonly output?: z.ZodType<O>;
    simulate?(input: I, o: { rng: Rng; skill: number }): O;
  },
): TaskDef<I, O> {
  const derived = {
    output: outputOf(def.view) as unknown as z.ZodType<O>,
    simulate: (input: I, o: { rng: Rng; skill: number }) => simulateView(def.view, input, o) as O,
  };
  return remembered({ ...derived, ...def });
}
export const keyOf = (d: { name: string; version: string }): string => `${d.name}@${d.version}`;

// which kinds a process knows is which files it has loaded: a server, its workflows' own too
const defined = new Map<string, TaskDef>();
export function remembered<D extends TaskDef<any, any>>(def: D): D {
  defined.set(keyOf(def), def);
  return def;
}
/** The kind of work with this name@version, where this process has loaded its file. */
export const definedTask = (key: string): TaskDef | undefined => defined.get(key);
