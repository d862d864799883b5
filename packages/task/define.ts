/**
 * A kind of work is one file: what is shown, what is asked, how answers are checked, aggregated and simulated. From a
 * `TaskDef` come the form, the validation, the storage, the API, the export and the preview. The view is data, so a
 * server or a browser without the code of a kind of work still shows it; `answer.ts` derives the answer's schema from it.
 */
import type { z } from "zod";
import { own, type Rng, type View } from "@tiller/schema";
import type { Aggregation } from "./aggregation.ts";
import { type AnswerOf, outputOf } from "./answer.ts";
import { type AggregationOf, fieldsOf, kindOfField } from "./kinds/index.ts";
import { simulateView } from "./simulate.ts";

/** A rater played by code: who answers, how well and how fast. */
export interface SimulatedRater {
  readonly name: string;
  /** standard deviation of the noise on the difference in preference; undefined: chooses blindly */
  readonly noise: number | undefined;
  /** preferences closer than this feel the same */
  readonly tieBelow: number;
  /** median of the seconds they say they took */
  readonly seconds: number;
}
/** How a kind's simulated answer is drawn. */
export interface Simulation {
  readonly rng: Rng;
  /** in [0, 1]; 0 answers at random */
  readonly skill: number;
  /** who answers, and whether the sides are swapped: for kinds that simulate people one by one */
  readonly by?: { readonly rater: SimulatedRater; readonly swap: boolean };
}

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
  /** What a simulated rater answers. */
  simulate(input: I, o: Simulation): O;
  /** What is wrong with an answer that the view's own rules let through, in words for the rater. */
  check?(input: I, output: O): string | undefined;
  /** Inputs for the preview and the tests. */
  readonly samples: readonly I[];
}

/** By name of the field: a way in which its kind can be joined. */
type AggregateOf<V extends View> = {
  readonly [F in V["ask"][number] as F["name"]]?: AggregationOf<F>;
} & {
  readonly [
    F in V["ask"][number] as F extends { confidence: infer C extends string } ? C : never
  ]?: AggregationOf<{ kind: "rating" }>;
};
/** Declares a kind of work. What the view says already (the answer's schema, a simulated rater) may be left out. */
export function defineTask<I, const V extends View, O = AnswerOf<V>>(
  def: Omit<TaskDef<I, O>, "output" | "simulate" | "view" | "aggregate"> & {
    readonly view: V;
    readonly aggregate?: AggregateOf<V>;
    readonly output?: z.ZodType<O>;
    simulate?(input: I, o: Simulation): O;
  },
): TaskDef<I, O> {
  const derived = {
    output: outputOf(def.view) as unknown as z.ZodType<O>,
    simulate: (input: I, o: Simulation) => simulateView(def.view, input, o) as O,
  };
  return remembered({ ...derived, ...def });
}

type Joined = Pick<TaskDef, "view" | "aggregate">;
/** How each field's answers are joined. */
export const aggregationsOf = (def: Joined): ReadonlyMap<string, Aggregation> =>
  new Map(
    fieldsOf(def.view).map((f) => [
      f.name,
      own(def.aggregate, f.name) ?? kindOfField(f).aggregations[0],
    ]),
  );
/** What `aggregate` says that the view's fields cannot do, in words. */
export function wrongAggregations({ view, aggregate = {} }: Joined): string[] {
  const fields = fieldsOf(view);
  return Object.entries(aggregate).flatMap(([name, how]) => {
    const f = fields.find((x) => x.name === name);
    if (!f) return [`${name} is not asked. The view asks ${fields.map((x) => x.name).join(", ")}.`];
    const { aggregations } = kindOfField(f);
    return aggregations.includes(how)
      ? []
      : [`${name} is a ${f.kind}, which ${how} cannot join. Take ${aggregations.join(", ")}.`];
  });
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
