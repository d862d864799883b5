/** A form from a flat JSON schema: texts, numbers, switches and choices; what is nested is written as JSON. */
import { z } from "zod";
import { own } from "@tiller/schema";

const Property = z
  .object({
    type: z.string().optional(),
    enum: z.array(z.unknown()).optional(),
    default: z.unknown().optional(),
    description: z.string().optional(),
    maxLength: z.number().optional(),
  })
  .loose();
const ObjectSchema = z.object({
  type: z.literal("object"),
  properties: z.record(z.string(), Property).optional(),
  required: z.array(z.string()).optional(),
});

export interface InputField {
  readonly name: string;
  readonly kind: "text" | "number" | "switch" | "choice" | "json";
  readonly description: string | undefined;
  readonly required: boolean;
  readonly options: readonly string[];
  readonly initial: unknown;
}

/** undefined: the input is no object, so it is written as JSON. */
export function fieldsOf(schema: unknown): InputField[] | undefined {
  const parsed = ObjectSchema.safeParse(schema);
  if (!parsed.success) return undefined;
  return Object.entries(parsed.data.properties ?? {}).map(([name, p]) => ({
    name,
    kind: p.enum?.every((x) => typeof x === "string")
      ? "choice"
      : p.type === "string"
        ? "text"
        : p.type === "number" || p.type === "integer"
          ? "number"
          : p.type === "boolean"
            ? "switch"
            : "json",
    description: p.description,
    required: parsed.data.required?.includes(name) === true && p.default === undefined,
    options: (p.enum ?? []).filter((x) => typeof x === "string"),
    initial: p.default ?? (p.type === "boolean" ? false : undefined),
  }));
}

export function InputForm({
  fields,
  value,
  change,
}: {
  fields: readonly InputField[];
  value: Record<string, unknown>;
  change: (value: Record<string, unknown>) => void;
}) {
  if (!fields.length) return <p className="quiet">This workflow needs no input.</p>;
  const set = (name: string, x: unknown) => {
    const { [name]: _, ...rest } = value;
    change(x === undefined ? rest : { ...rest, [name]: x });
  };
  return (
    <div className="stack">
      {fields.map((f) => (
        <label key={f.name} className="stack" style={{ gap: 4 }}>
          <span className="small">
            {f.name}
            {f.required && <span className="quiet"> (needed)</span>}
            {f.description && <span className="quiet">, {f.description}</span>}
          </span>
          <Field field={f} value={own(value, f.name)} set={(x) => set(f.name, x)} />
        </label>
      ))}
    </div>
  );
}

function Field({
  field: f,
  value,
  set,
}: {
  field: InputField;
  value: unknown;
  set: (x: unknown) => void;
}) {
  switch (f.kind) {
    case "choice":
      return (
        <select
          value={typeof value === "string" ? value : ""}
          onChange={(e) => set(e.target.value || undefined)}
        >
          <option value="">choose…</option>
          {f.options.map((o) => (
            <option key={o} value={o}>
              {o}
            </option>
          ))}
        </select>
      );
    case "switch":
      return (
        <input
          type="checkbox"
          checked={value === true}
          onChange={(e) => set(e.target.checked)}
          style={{ justifySelf: "start" }}
        />
      );
    case "number":
      return (
        <input
          inputMode="decimal"
          defaultValue={typeof value === "number" ? value : ""}
          onChange={(e) => set(e.target.value.trim() === "" ? undefined : Number(e.target.value))}
        />
      );
    case "text":
      return (
        <textarea
          rows={1}
          value={typeof value === "string" ? value : ""}
          onChange={(e) => set(e.target.value === "" ? undefined : e.target.value)}
        />
      );
    case "json":
      return (
        <textarea
          rows={3}
          spellCheck={false}
          className="code"
          defaultValue={value === undefined ? "" : JSON.stringify(value, undefined, 2)}
          onChange={(e) => {
            const text = e.target.value.trim();
            try {
              set(text === "" ? undefined : JSON.parse(text));
            } catch {
              set(text); // the check below the form says what is wrong
            }
          }}
        />
      );
    default: {
      const never: never = f.kind;
      return never;
    }
  }
}
