/** An item with its known answer as a form made of its kind's fields: gold, training and test items are such. */
import { useQuery } from "@tanstack/react-query";
import type { ItemSlot, KnownKind, Project } from "@tiller/schema";
import { at, type Draft, put, textOf } from "@tiller/task";
import { asking } from "../api.ts";
import { TaskForm } from "../task/task-form.tsx";
import "./quality.css";

export interface KnownAnswer {
  readonly input: unknown;
  readonly expected: Draft;
}
const object = (x: unknown): Draft => (typeof x === "object" && x !== null ? (x as Draft) : {});

export function ItemForm({
  kind,
  item,
  change,
}: {
  kind: KnownKind;
  item: KnownAnswer;
  change: (item: KnownAnswer) => void;
}) {
  const { input, expected } = item;
  const shown = kind.slots.every((s) => {
    const value = at(input, s.path);
    return value !== undefined && value !== "";
  });
  return (
    <div className="item-form">
      {kind.slots.map((s) => (
        <SlotField
          key={s.path}
          slot={s}
          value={at(input, s.path)}
          set={(value) => change({ ...item, input: put(object(input), s.path, value) })}
        />
      ))}
      <fieldset>
        <legend>The right answer; questions that are left open are free</legend>
        {shown ? (
          <TaskForm
            view={kind.view}
            input={input}
            swap={false}
            value={expected}
            onChange={(value) => change({ ...item, expected: value })}
            onSubmit={(value) => change({ ...item, expected: value })}
            bare
          />
        ) : (
          <p className="quiet">Write the item first.</p>
        )}
        {Object.keys(expected).length > 0 && (
          <button
            type="button"
            className="button plain"
            onClick={() => change({ ...item, expected: {} })}
          >
            Answer it anew
          </button>
        )}
      </fieldset>
    </div>
  );
}

/** What of an item is written as what: a text, a number, a list a line each, a conversation turn by turn. */
function SlotField({
  slot: s,
  value,
  set,
}: {
  slot: ItemSlot;
  value: unknown;
  set: (value: unknown) => void;
}) {
  const label = s.path.includes(".") ? s.path.split(".")[0]!.toUpperCase() : s.label;
  if (s.kind === "number")
    return (
      <label>
        {label}
        <input
          type="number"
          required
          value={typeof value === "number" ? value : ""}
          onChange={(e) => set(e.target.valueAsNumber)}
        />
      </label>
    );
  if (s.kind === "turns")
    return <Turns label={label} value={Array.isArray(value) ? (value as Turn[]) : []} set={set} />;
  const list = s.kind === "list";
  return (
    <label>
      {list ? `${label}, one a line` : label}
      <textarea
        rows={list ? 4 : 3}
        required
        value={list && Array.isArray(value) ? value.map(textOf).join("\n") : textOf(value)}
        onChange={(e) => set(list ? e.target.value.split("\n") : e.target.value)}
      />
    </label>
  );
}
type Turn = { readonly role: string; readonly text: string };
const Turns = ({
  label,
  value,
  set,
}: {
  label: string;
  value: readonly Turn[];
  set: (value: readonly Turn[]) => void;
}) => (
  <fieldset>
    <legend>{label}</legend>
    {value.map((t, i) => (
      <label key={i}>
        {t.role}
        <textarea
          rows={2}
          value={t.text}
          onChange={(e) => set(value.map((x, n) => (n === i ? { ...x, text: e.target.value } : x)))}
        />
      </label>
    ))}
    <div className="row">
      {(["user", "assistant"] as const).map((role) => (
        <button
          key={role}
          type="button"
          className="button"
          onClick={() => set([...value, { role, text: "" }])}
        >
          Add what the {role} says
        </button>
      ))}
      <button
        type="button"
        className="button plain"
        disabled={!value.length}
        onClick={() => set(value.slice(0, -1))}
      >
        Remove the last
      </button>
    </div>
  </fieldset>
);

/** Rows of a project that came with an answer, to begin from. */
export function FromProject({
  kind,
  take,
}: {
  kind: string;
  take: (items: readonly KnownAnswer[]) => void;
}) {
  const projects = useQuery(asking("listProjects"));
  const own = (projects.data ?? []).filter((p) => p.type === kind);
  return own.length ? (
    <div className="row">
      {own.map((p) => (
        <Take key={p.id} project={p} take={take} />
      ))}
    </div>
  ) : null;
}
function Take({
  project,
  take,
}: {
  project: Project;
  take: (items: readonly KnownAnswer[]) => void;
}) {
  const known = useQuery(asking("knownItems", { id: project.id }));
  const n = known.data?.length ?? 0;
  return n ? (
    <button type="button" className="button" onClick={() => take(known.data!)}>
      Take {n === 200 ? "the first 200" : n} rows with an answer of “{project.title}”
    </button>
  ) : null;
}
