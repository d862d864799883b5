/** What raters are asked: a kind of work to begin from, or fields put together; and what of it is said otherwise. */
import type { KnownKind, NewProject, TaskPreview, View } from "@tiller/schema";
import { ViewForm } from "./view-form.tsx";

export type Changes = NewProject["changes"];
/** A kind of work to begin from. */
export type Start = Pick<TaskPreview, "key" | "title" | "instructions" | "view"> & {
  readonly sample: unknown;
  readonly from: "ready" | "here" | "own";
};

const OWN: Start = {
  key: "own",
  from: "own",
  title: "",
  instructions: "",
  view: {
    show: [],
    ask: [
      {
        kind: "choice",
        name: "label",
        label: "Your question",
        options: [
          { value: "yes", label: "Yes" },
          { value: "no", label: "No" },
        ],
      },
    ],
  },
  sample: {},
};
/** Ready-made kinds that a file can fill, those made here, and none. */
export const startsOf = (tasks: readonly TaskPreview[], made: readonly KnownKind[]): Start[] => [
  ...tasks.flatMap((t): Start[] =>
    t.slots.length ? [{ ...t, sample: t.samples[0]?.input, from: "ready" }] : [],
  ),
  ...made.flatMap((k): Start[] =>
    k.from === "browser" ? [{ ...k, key: `${k.name}@${k.version}`, from: "here" }] : [],
  ),
  OWN,
];

const groups: Readonly<Record<Start["from"], string>> = {
  ready: "Ready-made",
  here: "Made here",
  own: "Your own",
};
export function KindForm({
  starts,
  start,
  choose,
  columns,
  changes,
  change,
}: {
  /** to choose from; none: it is this one */
  starts: readonly Start[];
  start: Start;
  choose: (key: string) => void;
  columns: readonly string[];
  changes: Changes;
  change: (changes: Changes) => void;
}) {
  const setView = (view: View) => change({ ...changes, view });
  return (
    <div className="project-form">
      {starts.length > 0 && (
        <label>
          Kind of work
          <select value={start.key} onChange={(e) => choose(e.target.value)}>
            {(Object.keys(groups) as Start["from"][]).map((g) => (
              <optgroup key={g} label={groups[g]}>
                {starts
                  .filter((s) => s.from === g)
                  .map((s) => (
                    <option key={s.key} value={s.key}>
                      {nameOf(s)}
                    </option>
                  ))}
              </optgroup>
            ))}
          </select>
        </label>
      )}
      <label>
        Question to the raters
        <input
          value={changes.title ?? start.title}
          maxLength={200}
          placeholder="What are they asked?"
          onChange={(e) => change({ ...changes, title: e.target.value })}
        />
      </label>
      <label>
        Guidelines
        <textarea
          rows={6}
          value={changes.instructions ?? start.instructions}
          onChange={(e) => change({ ...changes, instructions: e.target.value })}
        />
        <span className="quiet small">Markdown, with examples if need be</span>
      </label>
      <details open={start.from === "own" || undefined}>
        <summary>What is shown and asked</summary>
        <ViewForm view={changes.view ?? start.view} columns={columns} change={setView} />
      </details>
    </div>
  );
}
const nameOf = (s: Start) =>
  s.from === "own"
    ? "Put together from fields"
    : s.from === "here"
      ? s.title
      : `${s.key.replace(/@.*$/, "").replaceAll("-", " ")}: ${s.title}`;

/** What is really said otherwise: an unchanged kind stays what it is. */
export function changesOf(start: Start, c: Changes): Changes {
  const same = (x: unknown, y: unknown) => JSON.stringify(x) === JSON.stringify(y);
  const { title, instructions, view = start.from === "own" ? start.view : undefined } = c;
  return {
    ...(title?.trim() && title !== start.title ? { title } : {}),
    ...(instructions !== undefined && instructions !== start.instructions ? { instructions } : {}),
    ...(view && (start.from === "own" || !same(view, start.view)) ? { view } : {}),
  };
}
