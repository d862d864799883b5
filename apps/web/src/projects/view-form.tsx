/** What is shown and asked, put together by hand: add, order, remove, and say what each part is. */
import type { ReactNode } from "react";
import type { Block, Field, View } from "@tiller/schema";
import { readBy, shownBy } from "@tiller/task";
import { FieldForm, slug } from "./field-form.tsx";

const blocks: Readonly<Record<Block["kind"], string>> = {
  text: "Text",
  turns: "Conversation",
  list: "List",
  changes: "Text with what changed in it",
  note: "Note, the same for every item",
};
const fields: Readonly<Record<Field["kind"], string>> = {
  choice: "One of several",
  choices: "Any of several",
  pair: "Which of two texts",
  rating: "Rating",
  slider: "Slider",
  text: "Text in the rater's words",
  ranking: "Order of a list",
  spans: "Places in a text",
  steps: "A label a step",
};

/** The name with a number behind it where it is taken. */
const free = (name: string, taken: readonly string[]): string => {
  let n = 1;
  while (taken.includes(n === 1 ? name : `${name}_${n}`)) n++;
  return n === 1 ? name : `${name}_${n}`;
};
const pathsOf = (view: View): string[] => [
  ...view.show.flatMap((b) => shownBy(b).map((r) => r.path)),
  ...view.ask.flatMap((f) => readBy(f).map((r) => r.path)),
];

function newBlock(kind: Block["kind"], view: View, column: string | undefined): Block {
  if (kind === "note") return { kind, text: "" };
  const from = free(slug(column ?? "") || kind, pathsOf(view));
  const label = column ?? blocks[kind];
  if (kind !== "changes") return { kind, from, label };
  return { kind, from, was: free(`${from}_before`, [from, ...pathsOf(view)]), label };
}
const yesNo = [
  { value: "yes", label: "Yes" },
  { value: "no", label: "No" },
];
function newField(kind: Field["kind"], view: View): Field {
  const name = free(
    kind === "pair" ? "choice" : kind,
    view.ask.map((f) => f.name),
  );
  const path = (wanted: string) => free(wanted, pathsOf(view));
  const asked = { name, label: fields[kind] };
  const made: { readonly [K in Field["kind"]]: () => Field } = {
    choice: () => ({ kind: "choice", ...asked, options: yesNo }),
    choices: () => ({ kind: "choices", ...asked, options: yesNo }),
    pair: () => ({ kind: "pair", ...asked, a: path("a"), b: path("b"), tie: true }),
    rating: () => ({ kind: "rating", ...asked, points: 5, low: "Bad", high: "Good" }),
    slider: () => ({ kind: "slider", ...asked, min: 0, max: 100, unit: "%" }),
    text: () => ({ kind: "text", ...asked, rows: 3 }),
    ranking: () => ({ kind: "ranking", ...asked, items: path("answers") }),
    // what is marked is a text that is shown
    spans: () => ({
      kind: "spans",
      ...asked,
      from: view.show.find((b) => b.kind === "text")?.from ?? path("text"),
      labels: [
        { value: "wrong", label: "Wrong" },
        { value: "unclear", label: "Unclear" },
      ],
    }),
    steps: () => ({ kind: "steps", ...asked, from: path("steps"), options: yesNo }),
  };
  return made[kind]();
}

export function ViewForm({
  view,
  columns,
  change,
}: {
  view: View;
  /** of the file, where there is one */
  columns: readonly string[];
  change: (view: View) => void;
}) {
  const show = (next: readonly Block[]) => change({ ...view, show: next });
  const ask = (next: readonly Field[]) => change({ ...view, ask: next });
  const setBlock = (i: number, block: Block) =>
    show(view.show.map((b, n) => (n === i ? block : b)));
  const setField = (i: number, field: Field) => ask(view.ask.map((f, n) => (n === i ? field : f)));
  return (
    <div className="project-form">
      <h3>Shown</h3>
      {view.show.map((b, i) => (
        <Part key={i} name={blocks[b.kind]} at={i} list={view.show} change={show} least={0}>
          {b.kind === "note" ? (
            <label>
              Text, in Markdown
              <textarea
                rows={2}
                value={b.text}
                onChange={(e) => setBlock(i, { ...b, text: e.target.value })}
              />
            </label>
          ) : (
            <label>
              Above {b.from}
              <input
                value={b.label ?? ""}
                onChange={(e) => setBlock(i, { ...b, label: e.target.value })}
              />
            </label>
          )}
        </Part>
      ))}
      <Add
        label="Add something to show"
        groups={[
          ...(columns.length
            ? [{ label: "Text of a column", of: columns.map((c) => [`column ${c}`, c] as const) }]
            : []),
          { label: "Anything", of: Object.entries(blocks) },
        ]}
        add={(what) =>
          show([
            ...view.show,
            what.startsWith("column ")
              ? newBlock("text", view, what.slice("column ".length))
              : newBlock(what as Block["kind"], view, undefined),
          ])
        }
      />
      <h3>Asked</h3>
      {view.ask.map((f, i) => (
        <Part key={i} name={fields[f.kind]} at={i} list={view.ask} change={ask} least={1}>
          <FieldForm
            field={f}
            texts={view.show.flatMap((b) => (b.kind === "text" ? [b.from] : []))}
            change={(field) => setField(i, field)}
          />
        </Part>
      ))}
      <Add
        label="Add a question"
        groups={[{ label: "Questions", of: Object.entries(fields) }]}
        add={(what) => ask([...view.ask, newField(what as Field["kind"], view)])}
      />
    </div>
  );
}

/** One part of a list: what it is, up, down, away. */
function Part<T>({
  name,
  at,
  list,
  least,
  change,
  children,
}: {
  name: string;
  at: number;
  list: readonly T[];
  least: number;
  change: (list: readonly T[]) => void;
  children: ReactNode;
}) {
  const moved = (to: number) => change(list.toSpliced(at, 1).toSpliced(to, 0, list[at]!));
  const say = (act: string) => `${act}: ${name} ${at + 1}`;
  return (
    <fieldset>
      <legend>
        {at + 1}. {name}
      </legend>
      <div className="row part-acts">
        <button
          type="button"
          className="button plain"
          aria-label={say("Up")}
          disabled={at === 0}
          onClick={() => moved(at - 1)}
        >
          ↑
        </button>
        <button
          type="button"
          className="button plain"
          aria-label={say("Down")}
          disabled={at === list.length - 1}
          onClick={() => moved(at + 1)}
        >
          ↓
        </button>
        <button
          type="button"
          className="button plain"
          aria-label={say("Remove")}
          disabled={list.length <= least}
          onClick={() => change(list.toSpliced(at, 1))}
        >
          Remove
        </button>
      </div>
      {children}
    </fieldset>
  );
}

const Add = ({
  label,
  groups,
  add,
}: {
  label: string;
  groups: readonly { label: string; of: readonly (readonly [string, string])[] }[];
  add: (what: string) => void;
}) => (
  <select aria-label={label} value="" onChange={(e) => e.target.value && add(e.target.value)}>
    <option value="">{label}…</option>
    {groups.map((g) => (
      <optgroup key={g.label} label={g.label}>
        {g.of.map(([value, name]) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </optgroup>
    ))}
  </select>
);
