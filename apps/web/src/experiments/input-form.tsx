/**
 * A form from a JSON schema with everything that it can say: objects, lists, maps, choices between shapes, optional values. A
 * field that is empty has its default; what was said in its place is marked.
 */
import { type ReactNode, useId } from "react";
import { z } from "zod";
import {
  type InputSchema,
  own,
  resolveSchema,
  sameValue,
  settingsOf,
  withDefaults,
} from "@tiller/schema";
import { Badge } from "../design/components.tsx";
import { Artefact } from "./artefact-field.tsx";
import {
  begun,
  type Box,
  type FieldOf,
  fieldsIn,
  fixedOf,
  type Form,
  FormContext,
  type Problems,
  shown,
  useForm,
} from "./input-base.tsx";
import {
  Choice,
  Lines,
  Mapped,
  NumberBox,
  Places,
  RawJson,
  Switch,
  TextBox,
} from "./input-fields.tsx";

export function problemsOf(schema: InputSchema, check: z.ZodType, value: unknown): Problems {
  const full = withDefaults(schema, value);
  const problems = new Map<string, string>();
  for (const issue of check.safeParse(full).error?.issues ?? []) {
    const missing = issue.path.reduce<unknown>((at, key) => own(fieldsIn(at), String(key)), full);
    const said = issue.message.replace(/^Invalid input: /, "");
    problems.set(issue.path.join("."), missing === undefined ? "It is needed." : `${said}.`);
  }
  return problems;
}

export function InputForm({
  form,
  value,
  change,
}: {
  form: Form;
  value: unknown;
  change: (value: unknown) => void;
}) {
  const { properties } = form.root;
  if (properties && !Object.keys(properties).length)
    return <p className="quiet">This workflow needs no input.</p>;
  return (
    <FormContext value={{ ...form, Field, Control }}>
      {properties ? (
        <Fields schema={form.root} value={value} set={change} path="" />
      ) : (
        <Field name="input" schema={form.root} value={value} set={change} path="" required />
      )}
    </FormContext>
  );
}

/** The fields of an object: simple ones first, as they are declared, then those that hold others. */
function Fields({ schema, value, set, path }: FieldOf) {
  const form = useForm();
  const given = fieldsIn(value);
  const put = (name: string, x: unknown) => {
    const { [name]: _, ...rest } = given;
    set(x === undefined ? rest : { ...rest, [name]: x });
  };
  const fields = Object.entries(schema.properties ?? {}).map(
    ([name, of]) => [name, resolveSchema(form.root, of)] as const,
  );
  const [simple, holding] = [
    fields.filter(([, of]) => !of.properties),
    fields.filter(([, of]) => of.properties),
  ];
  return (
    <div className="input-fields">
      {[...simple, ...holding].map(([name, of]) => (
        <Field
          key={name}
          name={name}
          schema={of}
          value={own(given, name)}
          set={(x) => put(name, x)}
          path={path ? `${path}.${name}` : name}
          required={schema.required?.includes(name) === true && of.default === undefined}
        />
      ))}
    </div>
  );
}

function Field({
  name,
  required = false,
  ...of
}: Omit<FieldOf, "schema"> & { schema: InputSchema; name: string; required?: boolean }) {
  const form = useForm();
  const schema = resolveSchema(form.root, of.schema);
  const id = useId();
  const at = { ...of, schema };
  const { path, value, set } = at;
  const standard = withDefaults(form.root, undefined, schema);
  const changed =
    value !== undefined &&
    standard !== undefined &&
    !sameValue(withDefaults(form.root, value, schema), standard);
  if (schema.properties && !schema.anyOf && !schema.oneOf)
    return <Group name={name} at={at} standard={standard} required={required} />;
  const problem = form.isTouched(path) ? form.problems.get(path) : undefined;
  const wide = isWide(schema);
  const called = (
    <>
      {schema.title ?? name}
      {required && <span className="quiet small"> needed</span>}
    </>
  );
  return (
    <div
      className={`input-field ${changed ? "changed" : ""} ${short(schema) ? "" : "wide"}`}
      {...(wide && { role: "group", "aria-labelledby": id })}
      onBlur={() => form.touch(path)}
      data-path={path}
    >
      <div className="row spread">
        {wide ? <b id={id}>{called}</b> : <label htmlFor={`${id}-box`}>{called}</label>}
        {changed ? (
          <span className="row small">
            <Badge tone="warn">changed</Badge>
            <button type="button" className="button plain small" onClick={() => set(undefined)}>
              Use {shown(standard).slice(0, 40)}
            </button>
          </span>
        ) : (
          standard !== undefined && (
            <span className="quiet small input-default">
              default {shown(standard).slice(0, 60)}
            </span>
          )
        )}
      </div>
      {schema.description && (
        <p className="quiet small" id={`${id}-about`}>
          {schema.description}
        </p>
      )}
      <Control at={at} id={`${id}-box`} label={schema.title ?? name} />
      {problem && (
        <p className="experiment-bad small" role="alert">
          {problem}
        </p>
      )}
    </div>
  );
}

/** An object inside: folded where all of it is as it was and nothing in it is needed. */
function Group({
  name,
  at,
  standard,
  required,
}: {
  name: string;
  at: FieldOf;
  standard: unknown;
  required: boolean;
}) {
  const form = useForm();
  const { schema, value, set, path } = at;
  const optional = standard === undefined && !required;
  const now = settingsOf(withDefaults(form.root, value, schema));
  const before = settingsOf(standard);
  const changed = [...now].filter(([k, x]) => !sameValue(before.get(k), x)).length;
  const wrong = [...form.problems.keys()].filter(
    (p) => p.startsWith(`${path}.`) && form.isTouched(p),
  ).length;
  const head = (
    <>
      <b>{schema.title ?? name}</b>
      {schema.description && <span className="quiet small"> {schema.description}</span>}
    </>
  );
  if (optional && value === undefined)
    return (
      <div className="input-group row spread">
        <span>{head}</span>
        <button
          type="button"
          className="button small"
          onClick={() => set({})}
          aria-label={`Set ${name}`}
        >
          Set it
        </button>
      </div>
    );
  return (
    <details className="input-group" open={required || optional || wrong > 0 || undefined}>
      <summary>
        {head} {changed > 0 && !optional && <Badge tone="warn">{`${changed} changed`}</Badge>}{" "}
        {wrong > 0 && <Badge tone="bad">{`${wrong} to mend`}</Badge>}
      </summary>
      <Fields {...at} value={value ?? {}} />
      {optional && (
        <button type="button" className="button plain small" onClick={() => set(undefined)}>
          Leave {name} out
        </button>
      )}
    </details>
  );
}

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
/** Whether its control is several controls. */
const isWide = (s: InputSchema): boolean =>
  Boolean(s.items || s.anyOf || s.oneOf || s.prefixItems) ||
  typeof s.additionalProperties === "object";

/** Whether two of it stand side by side. */
const short = (s: InputSchema): boolean =>
  !isWide(s) && (s.enum !== undefined || ["number", "integer", "boolean"].includes(s.type ?? ""));

/** What a value is written with, by its schema. */
function Control({ at, id, label }: Box): ReactNode {
  const { schema } = at;
  const box = { at, id, label };
  if (schema.artefact) return <Artefact {...box} kind={schema.artefact} />;
  const shapes = schema.anyOf ?? schema.oneOf;
  if (shapes) return <OneOf {...box} shapes={shapes} />;
  const options = schema.enum ?? (schema.const === undefined ? undefined : [schema.const]);
  if (options?.every((x) => scalar.safeParse(x).success))
    return <Choice {...box} options={options} />;
  if (schema.prefixItems) return <Places {...box} places={schema.prefixItems} />;
  if (schema.items) return <Lines {...box} items={schema.items} />;
  if (typeof schema.additionalProperties === "object" && !schema.properties)
    return <Mapped {...box} values={schema.additionalProperties} />;
  if (schema.properties) return <Fields {...at} value={at.value ?? {}} />;
  if (schema.type === "boolean") return <Switch {...box} />;
  if (schema.type === "number" || schema.type === "integer") return <NumberBox {...box} />;
  if (schema.type === "string") return <TextBox {...box} />;
  if (schema.type === "null") return null;
  return <RawJson {...box} />;
}

/** What tells a shape from the others in words. */
function shapeName(shape: InputSchema, place: number): string {
  const [kind] = Object.values(shape.properties ?? {}).filter((p) => p.const !== undefined);
  const only = shape.const ?? kind?.const;
  if (shape.title) return shape.title;
  if (shape.type === "null") return "none";
  if (only !== undefined) return shown(only);
  const fields = Object.keys(shape.properties ?? {});
  if (fields.length) return fields.join(", ");
  return shape.type ?? `shape ${place + 1}`;
}
/** A choice between shapes, then the fields of the one that was chosen. */
function OneOf({ at, id, label, shapes }: Box & { shapes: readonly InputSchema[] }) {
  const form = useForm();
  const all = shapes.map((s) => resolveSchema(form.root, s));
  const effective = at.value === undefined ? at.schema.default : at.value;
  const chosen = effective === undefined ? -1 : shapeOf(all, effective, form.root);
  const shape = all[chosen];
  return (
    <div className="stack" style={{ gap: 8 }}>
      <select
        id={id}
        aria-label={`${label}: which`}
        value={chosen}
        onChange={(e) => at.set(begunAt(all, Number(e.target.value)))}
      >
        <option value={-1}>{at.schema.default === undefined ? "not said" : "its default"}</option>
        {all.map((s, i) => (
          <option key={i} value={i}>
            {shapeName(s, i)}
          </option>
        ))}
      </select>
      {shape && shape.const === undefined && shape.type !== "null" && (
        <Control
          at={{ ...at, schema: withoutFixed(shape), value: effective }}
          id={`${id}-of`}
          label={label}
        />
      )}
    </div>
  );
}
const begunAt = (shapes: readonly InputSchema[], i: number): unknown =>
  i < 0 ? undefined : begun(shapes[i]!);
const withoutFixed = (shape: InputSchema): InputSchema =>
  shape.properties
    ? {
        ...shape,
        properties: Object.fromEntries(
          Object.entries(shape.properties).filter(([, p]) => p.const === undefined),
        ),
      }
    : shape;
/** The shape that a value has: the one whose fixed fields it has, else the one that takes it, else one of its type. */
function shapeOf(shapes: readonly InputSchema[], value: unknown, root: InputSchema): number {
  const fixed = shapes.findIndex((s) => {
    const of = Object.entries(fixedOf(s));
    return of.length > 0 && of.every(([k, x]) => sameValue(own(fieldsIn(value), k), x));
  });
  if (fixed >= 0) return fixed;
  const fits = shapes.findIndex((s) => {
    const { $defs } = root;
    const json = { ...s, ...($defs && { $defs }) } as Parameters<typeof z.fromJSONSchema>[0];
    return z.fromJSONSchema(json).safeParse(value).success;
  });
  if (fits >= 0) return fits;
  const type = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
  return shapes.findIndex((s) => s.type === type || (type === "number" && s.type === "integer"));
}
