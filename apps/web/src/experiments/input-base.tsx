/** What the form of a schema and its controls share: what a field is, the form that it is in, a value to begin with. */
import { type ComponentType, createContext, useContext } from "react";
import type { InputSchema } from "@tiller/schema";

/** What is wrong with a value, by the path of the field: `ppo.lr`. */
export type Problems = ReadonlyMap<string, string>;
export interface Form {
  readonly root: InputSchema;
  readonly problems: Problems;
  /** whether a field's message is shown: it was left, or the whole was sent */
  readonly isTouched: (path: string) => boolean;
  readonly touch: (path: string) => void;
}
/** The form as its controls see it: with what draws the fields that they hold. */
interface Drawn extends Form {
  readonly Field: ComponentType<FieldOf & { readonly name: string; readonly required?: boolean }>;
  readonly Control: ComponentType<Box>;
}
export const FormContext = createContext<Drawn | undefined>(undefined);
export const useForm = () => useContext(FormContext)!;

/** One field as its control gets it. */
export interface Box {
  readonly at: FieldOf;
  readonly id: string;
  readonly label: string;
}
export interface FieldOf {
  readonly schema: InputSchema;
  readonly value: unknown;
  readonly set: (x: unknown) => void;
  readonly path: string;
}

export const shown = (x: unknown): string =>
  typeof x === "string" ? (x === "" ? "nothing" : x) : JSON.stringify(x);

/** The fields of what may be an object; those of a list are its places. */
export const fieldsIn = (x: unknown): Readonly<Record<string, unknown>> =>
  typeof x === "object" && x !== null ? (x as Readonly<Record<string, unknown>>) : {};
/** The fields of a shape that have only one value, which are therefore filled in. */
export const fixedOf = (shape: InputSchema): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(shape.properties ?? {}).flatMap(([k, p]) =>
      p.const === undefined ? [] : [[k, p.const]],
    ),
  );

/** A value to begin with, where a list or a map gets another or a shape is chosen. */
export function begun(shape: InputSchema): unknown {
  if (shape.default !== undefined) return shape.default;
  if (shape.const !== undefined) return shape.const;
  if (shape.properties) return fixedOf(shape);
  if (shape.items) return [];
  if (shape.type === "object") return {};
  if (shape.type === "string") return "";
  return shape.type === "boolean" ? false : null;
}
