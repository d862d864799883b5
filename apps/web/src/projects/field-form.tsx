/** One question: its words, whether it must be answered, and what its kind needs to know. */
import type { Field, Limit } from "@tiller/schema";

/** A key out of words. */
export const slug = (text: string): string =>
  text
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "_")
    .replace(/^_+|_+$/g, "")
    .slice(0, 40);

type Option = { readonly value: string; readonly label: string };

export function FieldForm({
  field: f,
  texts,
  change,
}: {
  field: Field;
  /** paths of the texts that are shown */
  texts: readonly string[];
  change: (field: Field) => void;
}) {
  return (
    <>
      <label>
        Question
        <input value={f.label} onChange={(e) => change({ ...f, label: e.target.value })} />
      </label>
      <Words label="Help" value={f.help} set={(help) => change(without({ ...f, help }, "help"))} />
      <label className="check">
        <input
          type="checkbox"
          checked={!f.optional}
          onChange={(e) =>
            change(
              without({ ...f, optional: e.target.checked ? undefined : true } as Field, "optional"),
            )
          }
        />
        Must be answered
      </label>
      <Own field={f} texts={texts} change={change} />
      <label>
        Its name in the results
        <input
          value={f.name}
          required
          pattern="[A-Za-z][\w.]*"
          onChange={(e) => change({ ...f, name: e.target.value.replace(/[^\w.]/g, "_") })}
        />
      </label>
    </>
  );
}

/** Optional words are absent, not empty. */
function without<T extends Field>(field: T, key: keyof T): T {
  if (field[key] !== undefined && field[key] !== "") return field;
  const { [key]: _, ...rest } = field;
  return rest as unknown as T;
}

function Own({
  field: f,
  texts,
  change,
}: {
  field: Field;
  texts: readonly string[];
  change: (field: Field) => void;
}) {
  switch (f.kind) {
    case "choice":
    case "choices":
      return <Options list={f.options} least={2} set={(options) => change({ ...f, options })} />;
    case "steps":
      return (
        <>
          <Options list={f.options} least={2} set={(options) => change({ ...f, options })} />
          <label>
            No step is asked after one that is
            <select
              value={f.stopAt ?? ""}
              onChange={(e) => change(without({ ...f, stopAt: e.target.value }, "stopAt"))}
            >
              <option value="">(all are asked)</option>
              {f.options.map((o) => (
                <option key={o.value} value={o.value}>
                  {o.label}
                </option>
              ))}
            </select>
          </label>
        </>
      );
    case "spans":
      return (
        <>
          <label>
            Marked in
            <select value={f.from} onChange={(e) => change({ ...f, from: e.target.value })}>
              {[...new Set([f.from, ...texts])].map((t) => (
                <option key={t}>{t}</option>
              ))}
            </select>
          </label>
          <Options list={f.labels} least={2} set={(labels) => change({ ...f, labels })} />
        </>
      );
    case "pair":
      return (
        <label className="check">
          <input
            type="checkbox"
            checked={f.tie}
            onChange={(e) => change({ ...f, tie: e.target.checked })}
          />
          No difference is an answer
        </label>
      );
    case "rating":
      return (
        <div className="project-numbers">
          <Count
            label="Points"
            value={f.points}
            range={{ min: 2, max: 9 }}
            set={(points = 5) => change({ ...f, points })}
          />
          <Words label="1 means" value={f.low} set={(low = "") => change({ ...f, low })} />
          <Words
            label={`${f.points} means`}
            value={f.high}
            set={(high = "") => change({ ...f, high })}
          />
        </div>
      );
    case "slider":
      return (
        <div className="project-numbers">
          <Count label="From" value={f.min} set={(min = 0) => change({ ...f, min })} />
          <Count label="To" value={f.max} set={(max = 100) => change({ ...f, max })} />
          <Words
            label="Unit"
            value={f.unit}
            set={(unit) => change(without({ ...f, unit } as Field, "unit" as never))}
          />
        </div>
      );
    case "text":
      return (
        <div className="project-numbers">
          <Count
            label="Lines"
            value={f.rows}
            range={{ min: 1, max: 30 }}
            set={(rows = 3) => change({ ...f, rows })}
          />
          <Count
            label="At least, words"
            value={f.limit?.min}
            range={{ min: 0 }}
            set={(min) => change(limited(f, { ...f.limit, min }))}
          />
          <Count
            label="At most, words"
            value={f.limit?.max}
            range={{ min: 1 }}
            set={(max) => change(limited(f, { ...f.limit, max }))}
          />
        </div>
      );
    case "ranking":
      return <p className="quiet small">The list comes from the file: a column, or several.</p>;
    default: {
      const never: never = f;
      return never;
    }
  }
}
const limited = (
  f: Field & { kind: "text" },
  l: { [K in keyof Limit]?: Limit[K] | undefined },
): Field => {
  const { min, max } = l;
  const limit: Limit = {
    unit: l.unit ?? "words",
    ...(min ? { min } : {}),
    ...(max ? { max } : {}),
  };
  const { limit: _, ...rest } = f;
  return min || max ? { ...rest, limit } : rest;
};

const Words = ({
  label,
  value,
  set,
}: {
  label: string;
  value: string | undefined;
  set: (value: string | undefined) => void;
}) => (
  <label>
    {label}
    <input value={value ?? ""} onChange={(e) => set(e.target.value || undefined)} />
  </label>
);
const Count = ({
  label,
  value,
  range = {},
  set,
}: {
  label: string;
  value: number | undefined;
  range?: { min?: number; max?: number };
  set: (value: number | undefined) => void;
}) => (
  <label>
    {label}
    <input
      type="number"
      {...range}
      value={value ?? ""}
      onChange={(e) => set(e.target.value === "" ? undefined : e.target.valueAsNumber)}
    />
  </label>
);

function Options({
  list,
  least,
  set,
}: {
  list: readonly Option[];
  least: number;
  set: (list: Option[]) => void;
}) {
  const add = () => {
    const label = `Option ${list.length + 1}`;
    const taken = list.map((o) => o.value);
    let value = slug(label);
    while (taken.includes(value)) value += "_";
    set([...list, { value, label }]);
  };
  const moved = (i: number, to: number) => list.toSpliced(i, 1).toSpliced(to, 0, list[i]!);
  return (
    <div className="options" role="group" aria-label="Options">
      {list.map((o, i) => (
        <div key={o.value} className="row">
          <input
            aria-label={`Label of ${o.value}`}
            value={o.label}
            onChange={(e) =>
              set(list.map((x, n) => (n === i ? { ...x, label: e.target.value } : x)))
            }
          />
          <button
            type="button"
            className="button plain"
            aria-label={`Up: ${o.label}`}
            disabled={i === 0}
            onClick={() => set(moved(i, i - 1))}
          >
            ↑
          </button>
          <button
            type="button"
            className="button plain"
            aria-label={`Remove: ${o.label}`}
            disabled={list.length <= least}
            onClick={() => set(list.toSpliced(i, 1))}
          >
            ×
          </button>
        </div>
      ))}
      <button type="button" className="button" onClick={add}>
        Add an option
      </button>
    </div>
  );
}
