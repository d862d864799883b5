/** A project's results as a file: which rows, written how, and what such a file cannot say. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { fileKinds, type ProjectExport } from "@tiller/schema";
import { asking, linkTo } from "../api.ts";
import { Dialog, Refused } from "../design/components.tsx";

const rows: Readonly<Record<ProjectExport["rows"], readonly [string, string]>> = {
  items: ["An item a row", "your columns, then label, confidence, answers, disagreement"],
  answers: ["Every answer", "a row each, with who gave it; tiller quality aggregate reads it"],
  trl: ["For training with TRL", "prompt, chosen, rejected; or prompt, completion"],
  votes: ["Comparisons with votes", "each pair once, with who chose what; tiller reward reads it"],
};
const names = { csv: "CSV", jsonl: "JSONL", parquet: "Parquet" } as const;

export function ExportButton({ id }: { id: string }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button className="button" onClick={() => setOpen(true)}>
        Export
      </button>
      {open && <ExportDialog id={id} close={() => setOpen(false)} />}
    </>
  );
}

function ExportDialog({ id, close }: { id: string; close: () => void }) {
  const [what, setWhat] = useState<ProjectExport>({ rows: "items", as: "csv" });
  const counts = useQuery({ ...asking("exportCounts", { id, ...what }), retry: false });
  return (
    <Dialog open close={close} title="Export">
      <div className="form">
        <fieldset className="project-choices">
          <legend>Rows</legend>
          {(Object.keys(rows) as ProjectExport["rows"][]).map((r) => (
            <label key={r} className="check">
              <input
                type="radio"
                name="rows"
                checked={what.rows === r}
                onChange={() =>
                  setWhat({ rows: r, as: r === "trl" || r === "votes" ? "jsonl" : what.as })
                }
              />
              <span>
                {rows[r][0]}
                <br />
                <span className="quiet small">{rows[r][1]}</span>
              </span>
            </label>
          ))}
        </fieldset>
        <fieldset className="project-choices across">
          <legend>Written as</legend>
          {fileKinds.map((as) => (
            <label key={as} className="check">
              <input
                type="radio"
                name="as"
                checked={what.as === as}
                onChange={() => setWhat({ ...what, as })}
              />
              {names[as]}
            </label>
          ))}
        </fieldset>
        <Refused error={counts.error} />
        <p role="status" className="small">
          {counts.data &&
            `${counts.data.rows} ${counts.data.rows === 1 ? "row" : "rows"}.${counts.data.leftOut.length ? ` Left out: ${counts.data.leftOut.map((l) => `${l.items} (${l.why})`).join(", ")}.` : ""}`}
        </p>
        <div className="actions">
          <button type="button" className="button" onClick={close}>
            Close
          </button>
          {!counts.error && (
            <a className="button primary" href={linkTo("exportProject", { id, ...what })}>
              Download
            </a>
          )}
        </div>
      </div>
    </Dialog>
  );
}
