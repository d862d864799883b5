/** What raters are asked: a ready-made kind of work, and what of it is said otherwise. */
import type { Field, NewProject, TaskPreview, View } from "@tiller/schema";

export type Changes = NewProject["changes"];

export function KindForm({
  kinds,
  kind,
  choose,
  changes,
  change,
}: {
  kinds: readonly TaskPreview[];
  kind: TaskPreview;
  choose: (key: string) => void;
  changes: Changes;
  change: (changes: Changes) => void;
}) {
  const view = changes.view ?? kind.view;
  const setView = (next: View) => change({ ...changes, view: next });
  const setBlock = (i: number, label: string) =>
    setView({
      ...view,
      show: view.show.map((b, n) => (n === i ? { ...b, label } : b)) as View["show"],
    });
  const setField = (i: number, field: Field) =>
    setView({ ...view, ask: view.ask.map((f, n) => (n === i ? field : f)) });
  return (
    <div className="project-form">
      <label>
        Kind of work
        <select value={kind.key} onChange={(e) => choose(e.target.value)}>
          {kinds.map((k) => (
            <option key={k.key} value={k.key}>
              {k.key.replace(/@.*$/, "").replaceAll("-", " ")}: {k.title}
            </option>
          ))}
        </select>
      </label>
      <label>
        Question to the raters
        <input
          value={changes.title ?? kind.title}
          maxLength={200}
          onChange={(e) => change({ ...changes, title: e.target.value })}
        />
      </label>
      <label>
        Guidelines
        <textarea
          rows={6}
          value={changes.instructions ?? kind.instructions}
          onChange={(e) => change({ ...changes, instructions: e.target.value })}
        />
        <span className="quiet small">Markdown</span>
      </label>
      <details>
        <summary>Labels</summary>
        <div className="project-form">
          {view.show.map(
            (b, i) =>
              b.kind !== "note" && (
                <label key={b.from}>
                  Above {b.from}
                  <input value={b.label ?? ""} onChange={(e) => setBlock(i, e.target.value)} />
                </label>
              ),
          )}
          {view.ask.map((f, i) => (
            <fieldset key={f.name}>
              <legend>{f.name}</legend>
              <label>
                Question
                <input
                  value={f.label}
                  onChange={(e) => setField(i, { ...f, label: e.target.value })}
                />
              </label>
              {"options" in f &&
                f.options.map((o, n) => (
                  <label key={o.value}>
                    Label of {o.value}
                    <input
                      value={o.label}
                      onChange={(e) => {
                        const label = e.target.value;
                        const options = f.options.map((x, k) => (k === n ? { ...x, label } : x));
                        setField(i, { ...f, options });
                      }}
                    />
                  </label>
                ))}
              {f.kind === "pair" && (
                <label className="check">
                  <input
                    type="checkbox"
                    checked={f.tie}
                    onChange={(e) => setField(i, { ...f, tie: e.target.checked })}
                  />
                  No difference is an answer
                </label>
              )}
            </fieldset>
          ))}
        </div>
      </details>
    </div>
  );
}

/** What is really said otherwise: an unchanged kind stays the ready-made one. */
export function changesOf(kind: TaskPreview, c: Changes): Changes {
  const same = (x: unknown, y: unknown) => JSON.stringify(x) === JSON.stringify(y);
  return {
    ...(c.title !== undefined && c.title.trim() && c.title !== kind.title
      ? { title: c.title }
      : {}),
    ...(c.instructions !== undefined && c.instructions !== kind.instructions
      ? { instructions: c.instructions }
      : {}),
    ...(c.view !== undefined && !same(c.view, kind.view) ? { view: c.view } : {}),
  };
}
