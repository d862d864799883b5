/**
 * Settings by their JSON schema: the defaults filled in, and where two configurations differ. An experiment keeps its input as
 * it was given, so what was left out is only known with the schema.
 */
import { z } from "zod";
import { artefactKinds } from "./job.ts";
import { own } from "./own.ts";

/** What of a JSON schema settings are read by. */
export interface InputSchema {
  readonly $ref?: string | undefined;
  readonly $defs?: Readonly<Record<string, InputSchema>> | undefined;
  readonly type?: string | undefined;
  readonly title?: string | undefined;
  readonly description?: string | undefined;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[] | undefined;
  readonly required?: readonly string[] | undefined;
  readonly properties?: Readonly<Record<string, InputSchema>> | undefined;
  readonly additionalProperties?: boolean | InputSchema | undefined;
  readonly items?: InputSchema | undefined;
  readonly prefixItems?: readonly InputSchema[] | undefined;
  readonly anyOf?: readonly InputSchema[] | undefined;
  readonly oneOf?: readonly InputSchema[] | undefined;
  /** what the value names, where it names something: our own word in schemas */
  readonly artefact?: "checkpoint" | "dataset" | undefined;
}
const below = z.lazy(() => InputSchema).optional();
const several = z.array(z.lazy(() => InputSchema)).optional();
const named = z
  .record(
    z.string(),
    z.lazy(() => InputSchema),
  )
  .optional();
const text = z.string().optional();
export const InputSchema: z.ZodType<InputSchema> = z.object({
  $ref: text,
  $defs: named,
  type: text,
  title: text,
  description: text,
  default: z.unknown().optional(),
  const: z.unknown().optional(),
  enum: z.array(z.unknown()).optional(),
  required: z.array(z.string()).optional(),
  properties: named,
  additionalProperties: z.union([z.boolean(), z.lazy(() => InputSchema)]).optional(),
  items: below,
  prefixItems: several,
  anyOf: several,
  oneOf: several,
  artefact: z.enum(artefactKinds).optional(),
});

/** The schema behind a reference into `root`; what says more beside the reference goes before it. */
export function resolveSchema(root: InputSchema, schema: InputSchema): InputSchema {
  if (schema.$ref === undefined) return schema;
  const { $ref, ...beside } = schema;
  const target = $ref === "#" ? root : own(root.$defs ?? {}, $ref.replace("#/$defs/", ""));
  return target ? { ...resolveSchema(root, target), ...beside } : beside;
}

const isObject = (x: unknown): x is Record<string, unknown> =>
  typeof x === "object" && x !== null && !Array.isArray(x);
const DEEPEST = 30; // of schemas that name themselves

/** The value with every default that the schema knows: what the workflow gets. */
export function withDefaults(root: InputSchema, value: unknown, at = root, depth = 0): unknown {
  const schema = resolveSchema(root, at);
  const given = value === undefined ? schema.default : value;
  if (depth > DEEPEST) return given;
  if (isObject(given) && schema.properties) {
    const filled = Object.entries(schema.properties).flatMap(([name, of]) => {
      const x = withDefaults(root, own(given, name), of, depth + 1);
      return x === undefined ? [] : [[name, x] as const];
    });
    return { ...given, ...Object.fromEntries(filled) };
  }
  if (Array.isArray(given) && schema.items) {
    const { items } = schema;
    return given.map((x) => withDefaults(root, x, items, depth + 1));
  }
  return given;
}

/** Every setting by its path: `ppo.lr`. Lists count as one, and so does an empty object. */
export function settingsOf(value: unknown, path = ""): Map<string, unknown> {
  if (!isObject(value) || (path && !Object.keys(value).length)) return new Map([[path, value]]);
  return new Map(
    Object.entries(value).flatMap(([k, x]) => [...settingsOf(x, path ? `${path}.${k}` : k)]),
  );
}
/** Whether two values say the same, whatever order their keys come in. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((x, i) => sameValue(x, b[i]));
  if (isObject(a) && isObject(b)) {
    const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
    return keys.every((k) => sameValue(own(a, k), own(b, k)));
  }
  return Object.is(a, b);
}
/** The paths at which not all have the same, in the order of the first that has them. */
export function differingSettings(configs: readonly unknown[]): string[] {
  const all = configs.map((c) => settingsOf(c));
  const paths = [...new Set(all.flatMap((s) => [...s.keys()]))];
  return paths.filter((p) => all.some((s) => !sameValue(s.get(p), all[0]!.get(p))));
}
