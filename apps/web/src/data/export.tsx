/** The button that takes an experiment's answers away as a file: format, kind of file, schema beside. */
import { useState } from "react";
import { fileKinds, type FileKind, type FormatName, formatNames } from "@tiller/schema";
import { linkTo } from "../api.ts";
import { Dialog } from "../design/components.tsx";
import "./data.css";

const formatLabels: Readonly<Record<FormatName, string>> = {
  answers: "Answers, complete",
  trl: "TRL preferences",
  "trl-implicit": "TRL preferences, implicit prompt",
  "trl-conversational": "TRL preferences, conversational",
  sff: "summarize-from-feedback",
};
const notes: Readonly<Record<FormatName, string>> = {
  answers: "One row an answer, with everything that is known about it. It can be imported again.",
  trl: "Prompt, chosen, rejected: one row a judgment. Ties are left out.",
  "trl-implicit": "Chosen and rejected with the prompt in front. Ties are left out.",
  "trl-conversational": "Prompt, chosen and rejected as messages. Ties are left out.",
  sff: "The rows of Stiennon et al. 2020. Ties are left out.",
};

export function ExportButton({ experiment }: { experiment: string }) {
  const [open, setOpen] = useState(false);
  const [format, setFormat] = useState<FormatName>("answers");
  const [as, setAs] = useState<FileKind>("jsonl");
  const query = { experiment, format, as };
  return (
    <>
      <button type="button" className="button" onClick={() => setOpen(true)}>
        Export
      </button>
      <Dialog open={open} close={() => setOpen(false)} title="Export the answers">
        <form className="data-form" onSubmit={(e) => e.preventDefault()}>
          <label>
            Format
            <select value={format} onChange={(e) => setFormat(e.target.value as FormatName)}>
              {formatNames.map((f) => (
                <option key={f} value={f}>
                  {formatLabels[f]}
                </option>
              ))}
            </select>
          </label>
          <p className="quiet small">{notes[format]}</p>
          <label>
            File
            <select value={as} onChange={(e) => setAs(e.target.value as FileKind)}>
              {fileKinds.map((k) => (
                <option key={k} value={k}>
                  {k === "parquet" ? "Parquet" : k.toUpperCase()}
                </option>
              ))}
            </select>
          </label>
          <p className="quiet small">People appear under their pseudonyms only.</p>
          <div className="row">
            <a className="button primary" href={linkTo("exportAnswers", query)} download>
              Download
            </a>
            <a className="button" href={linkTo("exportSchema", query)} download>
              What the columns mean
            </a>
          </div>
        </form>
      </Dialog>
    </>
  );
}
