/** Values at dotted paths, of inputs and of answers. */
import { own } from "@tiller/schema";

/** An answer, whole or in the making. */
export type Draft = Readonly<Record<string, unknown>>;

/** The value at a dotted path. */
export const at = (value: unknown, path: string): unknown =>
  path
    .split(".")
    .reduce<unknown>(
      (v, key) =>
        v !== null && typeof v === "object" && Object.hasOwn(v, key)
          ? (v as Draft)[key]
          : undefined,
      value,
    );
/** The value with another one at a dotted path; undefined takes it away. */
export function put(value: Draft, path: string, set: unknown): Draft {
  const [key, ...rest] = path.split(".") as [string, ...string[]];
  const inner = rest.length ? put((own(value, key) ?? {}) as Draft, rest.join("."), set) : set;
  const { [key]: _, ...others } = value;
  return inner === undefined ? others : { ...value, [key]: inner };
}
/** The text at a path, where a string or a {text} stands. */
export const textAt = (input: unknown, path: string): string => textOf(at(input, path));
export const textOf = (v: unknown): string =>
  typeof v === "string" ? v : typeof at(v, "text") === "string" ? (at(v, "text") as string) : "";
export const listAt = (input: unknown, path: string): readonly unknown[] => {
  const found = at(input, path);
  return Array.isArray(found) ? found : [];
};
