/**
 * Several kinds of work in one task: `compose({ parts: { side: comparison, quality: likert }, share: ["passage"] })`.
 * Inputs and answers lie under the part's name; what is shared lies at the top and is shown once.
 */
import { z } from "zod";
import { type Block, type Field, own, TillerError, type View } from "@tiller/schema";
import type { Aggregation } from "./aggregation.ts";
import { outputOf, revealsOf } from "./answer.ts";
import { remembered, type TaskDef } from "./define.ts";
import { kindOfField } from "./kinds/index.ts";
import { at, type Draft, put } from "./paths.ts";

type InputOf<D> = D extends TaskDef<infer I, unknown> ? I : never;
type OutputOf<D> = D extends TaskDef<unknown, infer O> ? O : never;
type Parts = Readonly<Record<string, TaskDef>>;
type Shared<P extends Parts, S extends string> = {
  [K in S]: Extract<InputOf<P[keyof P]>, Readonly<Record<K, unknown>>>[K];
};
export type ComposedInput<P extends Parts, S extends string> = Shared<P, S> & {
  [K in keyof P]: Omit<InputOf<P[K]>, S>;
};
export type ComposedOutput<P extends Parts> = { [K in keyof P]: OutputOf<P[K]> };

export function compose<P extends Parts, const S extends string = never>(o: {
  readonly name: string;
  readonly version: string;
  readonly title: string;
  readonly parts: P;
  /** keys of the inputs that all parts that have them take from one place */
  readonly share?: readonly S[];
  /** else those of the parts, one after the other */
  readonly instructions?: string;
  /** else made of the parts' samples */
  readonly samples?: readonly ComposedInput<P, S>[];
}): TaskDef<ComposedInput<P, S>, ComposedOutput<P>> {
  const shared: readonly string[] = o.share ?? [];
  const parts = Object.entries(o.parts);
  const view = joined(parts, shared);
  const partInput = (input: unknown, name: string, def: TaskDef): unknown => ({
    ...Object.fromEntries(shared.flatMap((k) => (has(def, k) ? [[k, at(input, k)]] : []))),
    ...(at(input, name) as Draft),
  });
  const partValue = (value: unknown, def: TaskDef, name: string): unknown => {
    const own = at(value, name) as Draft;
    const reveals = revealsOf(def.view);
    const revealed = at(value, "revealed");
    return reveals && Array.isArray(revealed)
      ? { ...own, revealed: revealed.slice(0, reveals) }
      : own;
  };
  const aggregate: [string, Aggregation][] = [];
  for (const [name, def] of parts)
    for (const [field, how] of Object.entries(def.aggregate ?? {}))
      aggregate.push([`${name}.${field}`, how]);
  return remembered({
    name: o.name,
    version: o.version,
    title: o.title,
    instructions: o.instructions ?? parts.map(([, d]) => d.instructions.trim()).join("\n\n"),
    input: inputOf(parts, shared) as unknown as z.ZodType<ComposedInput<P, S>>,
    output: outputOf(view) as unknown as z.ZodType<ComposedOutput<P>>,
    view,
    aggregate: Object.fromEntries(aggregate),
    samples: o.samples ?? (samplesOf(parts, shared) as ComposedInput<P, S>[]),
    simulate(input, how) {
      let [answer, reveals]: [Draft, unknown[]] = [{}, []];
      for (const [name, def] of parts) {
        const { revealed, ...own } = def.simulate(partInput(input, name, def), how) as Draft;
        answer = put(answer, name, own);
        if (Array.isArray(revealed) && revealed.length > reveals.length) reveals = revealed;
      }
      return (reveals.length ? { ...answer, revealed: reveals } : answer) as ComposedOutput<P>;
    },
    check(input, output) {
      const said = parts.flatMap(
        ([name, def]) =>
          def.check?.(partInput(input, name, def), partValue(output, def, name)) ?? [],
      );
      return said.length ? said.join(" ") : undefined;
    },
  });
}

const shapeOf = (def: TaskDef): Readonly<Record<string, z.ZodType>> => {
  if (def.input instanceof z.ZodObject) return def.input.shape as Record<string, z.ZodType>;
  throw new TillerError(
    "not_an_object",
    `the input of ${def.name} is not an object, so it cannot be a part of a composed task. Use z.strictObject.`,
  );
};
const has = (def: TaskDef, key: string): boolean => Object.hasOwn(shapeOf(def), key);

function inputOf(parts: readonly [string, TaskDef][], shared: readonly string[]): z.ZodType {
  const owner = (key: string): z.ZodType => {
    for (const [, d] of parts) {
      const shape = own(shapeOf(d), key);
      if (shape) return shape;
    }
    throw new TillerError(
      "nothing_to_share",
      `no part has the input ${key}; there are ${parts.map(([n, d]) => `${n}: ${Object.keys(shapeOf(d)).join(", ")}`).join("; ")}. Correct \`share\`.`,
    );
  };
  return z.strictObject({
    ...Object.fromEntries(shared.map((k) => [k, owner(k)])),
    ...Object.fromEntries(
      parts.map(([name, d]) => [
        name,
        z.strictObject(
          Object.fromEntries(Object.entries(shapeOf(d)).filter(([k]) => !shared.includes(k))),
        ),
      ]),
    ),
  });
}

/** Two blocks of one source are one: the first part's label stands. */
const sourceOf = (b: Block) => (b.kind === "note" ? b.text : b.from);

function joined(parts: readonly [string, TaskDef][], shared: readonly string[]): View {
  const show: Block[] = [];
  const ask: Field[] = [];
  for (const [part, def] of parts) {
    /** Under the part: the names of answers, and the paths of inputs that are not shared. */
    const moved = <T extends Block | Field>(x: T, keys: { paths: string[]; names: string[] }): T =>
      Object.fromEntries(
        Object.entries(x).map(([key, v]: [string, unknown]) => {
          if (typeof v !== "string") return [key, v];
          const own = keys.paths.includes(key) && !shared.includes(v.split(".")[0]!);
          return [key, own || keys.names.includes(key) ? `${part}.${v}` : v];
        }),
      ) as T;
    for (const block of def.view.show.map((b) => moved(b, { paths: ["from", "was"], names: [] })))
      if (!show.some((b) => sourceOf(b) === sourceOf(block))) show.push(block);
    for (const f of def.view.ask) {
      const { reads, second } = kindOfField(f);
      ask.push(
        moved(f, {
          paths: [...Object.keys(reads), "most"],
          names: ["name", second?.key ?? "name"],
        }),
      );
    }
  }
  return { show, ask };
}

function samplesOf(parts: readonly [string, TaskDef][], shared: readonly string[]): Draft[] {
  const n = Math.min(...parts.map(([, d]) => d.samples.length));
  return Array.from({ length: n }, (_, i) => {
    const all = new Map<string, unknown>();
    for (const [name, d] of parts) {
      const sample = d.samples[i] as Draft;
      const rest = Object.entries(sample).filter(([k]) => !shared.includes(k));
      for (const k of shared) if (!all.has(k) && Object.hasOwn(sample, k)) all.set(k, sample[k]);
      all.set(name, Object.fromEntries(rest));
    }
    return Object.fromEntries(all);
  });
}
