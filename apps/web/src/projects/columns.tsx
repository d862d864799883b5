/** Which column of the file fills what, its first rows, and the rows that do not fit. */
import { Scroll } from "../design/components.tsx";
import type { ItemMapping, ItemsPreview, UploadedFile } from "@tiller/schema";

export const FirstRows = ({ file }: { file: UploadedFile }) => (
  <Scroll label="The first rows of the file">
    <table className="first-rows">
      <thead>
        <tr>
          <th>Row</th>
          {file.columns.map((c) => (
            <th key={c}>{c}</th>
          ))}
        </tr>
      </thead>
      <tbody>
        {file.rows.slice(0, 4).map((r) => (
          <tr key={r.row}>
            <td className="num quiet">{r.row}</td>
            {r.cells.map((cell, i) => (
              <td key={file.columns[i]}>
                <div className="cell">{cell}</div>
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  </Scroll>
);

const NONE = "";
export function Columns({
  file,
  preview,
  change,
}: {
  file: UploadedFile;
  preview: ItemsPreview;
  change: (mapping: ItemMapping) => void;
}) {
  const { mapping } = preview;
  const input = new Map(Object.entries(mapping.input));
  const answer = new Map(Object.entries(mapping.answer));
  const said = (
    now: ReadonlyMap<string, ItemMapping["input"][string]>,
    known: ReadonlyMap<string, ItemMapping["answer"][string]>,
  ) => change({ input: Object.fromEntries(now), answer: Object.fromEntries(known) });
  const changed = <T,>(map: ReadonlyMap<string, T>, key: string, value: T | undefined) => {
    const next = new Map(map);
    if (value === undefined) next.delete(key);
    else next.set(key, value);
    return next;
  };
  return (
    <div className="project-columns">
      {preview.slots.map((s) => {
        const from = input.get(s.path);
        const several = Array.isArray(from);
        return (
          <label key={s.path}>
            {s.path.includes(".") ? s.path.split(".")[0]!.toUpperCase() : s.label}
            <select
              multiple={several}
              value={several ? from : (from ?? NONE)}
              onChange={(e) => {
                const chosen = several
                  ? [...e.target.selectedOptions].map((o) => o.value).filter(Boolean)
                  : e.target.value || undefined;
                said(changed(input, s.path, chosen?.length ? chosen : undefined), answer);
              }}
            >
              {!several && <option value={NONE}>Choose a column</option>}
              {file.columns.map((c) => (
                <option key={c} value={c}>
                  {c}
                </option>
              ))}
            </select>
          </label>
        );
      })}
      {preview.fields.map((f) => {
        const from = answer.get(f.name);
        const always = typeof from === "object" ? from.always : undefined;
        return (
          <label key={f.name}>
            Known answer: {f.label || f.name}
            <select
              value={always === undefined ? ((from as string | undefined) ?? NONE) : ALWAYS}
              onChange={(e) => said(input, changed(answer, f.name, e.target.value || undefined))}
            >
              <option value={NONE}>None</option>
              {always !== undefined && <option value={ALWAYS}>Always {always}</option>}
              {file.columns.map((c) => (
                <option key={c} value={c}>
                  {c}
                </option>
              ))}
            </select>
          </label>
        );
      })}
    </div>
  );
}
const ALWAYS = "\u0000always";

const SHOWN = 10;
export const Problems = ({ preview }: { preview: ItemsPreview }) => {
  const bad = preview.rows - preview.fit;
  return (
    <>
      <p role="status">
        {preview.rows > 0 &&
          `${preview.rows} rows, ${preview.fit} fit, ${preview.answered} of them have an answer.`}
        {preview.repeated > 0 &&
          ` ${preview.repeated === 1 ? "One shows" : `${preview.repeated} show`} what an earlier row shows already.`}
      </p>
      {preview.problems.length > 0 && (
        <ul className="said project-problems" aria-label="Rows that do not fit">
          {preview.problems.slice(0, SHOWN).map((p) => (
            <li key={`${p.row} ${p.column}`}>
              {preview.rows > 0 && (
                <b>
                  Row {p.row}
                  {p.column && `, ${p.column}`}:{" "}
                </b>
              )}
              {p.message}
            </li>
          ))}
          {bad > SHOWN && <li>and {bad - SHOWN} more</li>}
        </ul>
      )}
    </>
  );
};
