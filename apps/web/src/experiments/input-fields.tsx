/** The controls of a form from a schema: a number, a text, a switch, a choice, a list, a map, JSON. An empty one has its default. */
import { useState } from "react";
import type { InputSchema } from "@tiller/schema";
import { begun, type Box, shown, useForm } from "./input-base.tsx";

const hint = (schema: InputSchema): { placeholder?: string } =>
  schema.default === undefined ? {} : { placeholder: shown(schema.default) };

/** Number, or what was typed in its place: the message says that it is none. */
const typed = (text: string): unknown => {
  if (text.trim() === "") return undefined;
  const n = Number(text);
  return Number.isFinite(n) ? n : text;
};
export function NumberBox({ at, id }: Box) {
  const [text, write] = useState("");
  const { value } = at;
  // what stands there while it is typed ("1." is 1), and what came from elsewhere
  const now = Object.is(typed(text), value ?? undefined)
    ? text
    : value === undefined || value === null
      ? ""
      : shown(value);
  return (
    <input
      id={id}
      inputMode="decimal"
      {...hint(at.schema)}
      value={now}
      onChange={(e) => {
        write(e.target.value);
        at.set(typed(e.target.value));
      }}
    />
  );
}

export const TextBox = ({ at, id }: Box) => {
  const text = typeof at.value === "string" ? at.value : "";
  return (
    <textarea
      id={id}
      rows={Math.min(8, Math.max(1, Math.ceil(text.length / 80), text.split("\n").length))}
      {...hint(at.schema)}
      value={text}
      onChange={(e) => at.set(e.target.value === "" ? undefined : e.target.value)}
    />
  );
};

export const Switch = ({ at, id }: Box) => (
  <input
    id={id}
    type="checkbox"
    checked={(at.value ?? at.schema.default) === true}
    onChange={(e) => at.set(e.target.checked)}
  />
);

export const Choice = ({ at, id, options }: Box & { options: readonly unknown[] }) => (
  <select
    id={id}
    value={at.value === undefined ? -1 : options.findIndex((o) => Object.is(o, at.value))}
    onChange={(e) => at.set(options[Number(e.target.value)])}
  >
    <option value={-1}>
      {at.schema.default === undefined ? "choose…" : `${shown(at.schema.default)} (default)`}
    </option>
    {options.map((o, i) => (
      <option key={i} value={i}>
        {shown(o)}
      </option>
    ))}
  </select>
);

/** A list, its default until it is changed. */
export function Lines({ at, id, label, items }: Box & { items: InputSchema }) {
  const { Field } = useForm();
  const given = at.value ?? at.schema.default;
  const list: readonly unknown[] = Array.isArray(given) ? given : [];
  const put = (i: number, x: unknown) => at.set(list.with(i, x ?? begun(items)));
  return (
    <div className="stack" style={{ gap: 8 }}>
      {list.length === 0 && <p className="quiet small">None.</p>}
      <ol className="input-list">
        {list.map((x, i) => (
          <li key={i}>
            <Field
              name={`${label} ${i + 1}`}
              schema={items}
              value={x}
              set={(y) => put(i, y)}
              path={`${at.path}.${i}`}
              required
            />
            <button
              type="button"
              className="button plain small"
              aria-label={`Remove ${label} ${i + 1}`}
              onClick={() => at.set(list.toSpliced(i, 1))}
            >
              Remove
            </button>
          </li>
        ))}
      </ol>
      <div>
        <button
          id={id}
          type="button"
          className="button small"
          onClick={() => at.set([...list, begun(items)])}
        >
          Add to {label}
        </button>
      </div>
    </div>
  );
}

/** Names with values. A name that is there already is not taken. */
export function Mapped({ at, id, label, values }: Box & { values: InputSchema }) {
  const { Field } = useForm();
  const given = at.value ?? at.schema.default;
  const entries = Object.entries(typeof given === "object" && given !== null ? given : {});
  const [name, write] = useState("");
  const taken = entries.some(([k]) => k === name.trim());
  const put = (all: readonly (readonly [string, unknown])[]) => at.set(Object.fromEntries(all));
  return (
    <div className="stack" style={{ gap: 8 }}>
      <ol className="input-list">
        {entries.map(([key, x], i) => (
          <li key={key}>
            <Field
              name={key}
              schema={values}
              value={x}
              set={(y) => put(entries.with(i, [key, y ?? begun(values)]))}
              path={`${at.path}.${key}`}
              required
            />
            <button
              type="button"
              className="button plain small"
              aria-label={`Remove ${key}`}
              onClick={() => put(entries.toSpliced(i, 1))}
            >
              Remove
            </button>
          </li>
        ))}
      </ol>
      <div className="row">
        <input
          id={id}
          aria-label={`Name of another in ${label}`}
          placeholder="name"
          value={name}
          onChange={(e) => write(e.target.value)}
        />
        <button
          type="button"
          className="button small"
          disabled={!name.trim() || taken}
          onClick={() => {
            put([...entries, [name.trim(), begun(values)]]);
            write("");
          }}
        >
          Add it
        </button>
        {taken && <span className="small quiet">{name.trim()} is there already.</span>}
      </div>
    </div>
  );
}

export function RawJson({ at, id }: Box) {
  const [text, write] = useState(() =>
    at.value === undefined ? "" : JSON.stringify(at.value, undefined, 2),
  );
  return (
    <textarea
      id={id}
      rows={3}
      spellCheck={false}
      className="code"
      placeholder="JSON"
      value={text}
      onChange={(e) => {
        write(e.target.value);
        const now = e.target.value.trim();
        try {
          at.set(now === "" ? undefined : JSON.parse(now));
        } catch {
          at.set(now); // what takes no text says so
        }
      }}
    />
  );
}

/** A list of a set length, each place by its own schema. */
export function Places({ at, id, label, places }: Box & { places: readonly InputSchema[] }) {
  const { Control } = useForm();
  const given = at.value ?? at.schema.default;
  const list = places.map((p, i) => (Array.isArray(given) ? given[i] : begun(p)) as unknown);
  return (
    <div className="row">
      {places.map((schema, i) => (
        <Control
          key={i}
          at={{
            schema,
            value: list[i],
            set: (x) => at.set(list.with(i, x ?? begun(schema))),
            path: `${at.path}.${i}`,
          }}
          id={i ? `${id}-${i}` : id}
          label={`${label} ${i + 1}`}
        />
      ))}
    </div>
  );
}
