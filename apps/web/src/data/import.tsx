/** Answers out of a file: what its rows say, how its text is written, what becomes of known faults; first a look, then the import. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import {
  dirtInWords,
  type DirtPolicy,
  dirtPolicies,
  type FileKind,
  type Imported,
  type ImportName,
  importNames,
} from "@tiller/schema";
import { api, keyOf } from "../api.ts";
import { Card, Failed } from "../design/components.tsx";
import "./data.css";

const formats: Readonly<Record<ImportName, string>> = {
  answers: "Tiller's own answers",
  trl: "TRL preferences: prompt, chosen, rejected",
  "trl-implicit": "TRL preferences without a prompt",
  "trl-conversational": "TRL preferences as messages",
  sff: "summarize-from-feedback, comparisons",
  "sff-axes": "summarize-from-feedback, ratings",
  hh: "Anthropic's HH-RLHF",
  helpsteer: "HelpSteer 2 and 3, preferences",
  "helpsteer-ratings": "HelpSteer, ratings",
  shp: "Stanford Human Preferences",
  arena: "Chatbot Arena, MT-Bench",
  ranked: "Lists of ranked answers, as Nectar's",
  oasst: "OpenAssistant's trees",
  sharegpt: "ShareGPT's conversations, OpenAI's messages",
  ultrafeedback: "UltraFeedback as first published",
  prm800k: "PRM800K, ratings of steps",
  stepwise: "TRL's stepwise supervision",
};
const policies: Readonly<Record<DirtPolicy, string>> = {
  report:
    "Keep what can be kept and count it. Repeated rows and pairs chosen both ways count as further people's where nobody is named.",
  skip: "Leave out and count them: repeated rows, and every answer of somebody who chose a pair both ways.",
  fail: "Import nothing if there is any, and say where they stand.",
};
const encodings = [
  ["", "UTF-8, or as the file's first bytes say"],
  ["windows-1252", "Western European (windows-1252, ISO-8859-1)"],
  ["iso-8859-2", "Central European (ISO-8859-2)"],
  ["windows-1251", "Cyrillic (windows-1251)"],
  ["utf-16le", "UTF-16"],
  ["shift_jis", "Japanese (Shift JIS)"],
  ["gb18030", "Chinese (GB 18030)"],
  ["euc-kr", "Korean (EUC-KR)"],
] as const;
const kindOf = (name: string): FileKind =>
  /\.(csv|tsv)(\.gz|\.zst)?$/i.test(name) ? "csv" : /\.parquet$/i.test(name) ? "parquet" : "jsonl";

export function ImportPage() {
  const [file, setFile] = useState<File>();
  const [format, setFormat] = useState<ImportName>("trl");
  const [experiment, setExperiment] = useState("");
  const [dirt, setDirt] = useState<DirtPolicy>("report");
  const [encoding, setEncoding] = useState("");
  const client = useQueryClient();
  const kind = kindOf(file?.name ?? "");
  const query = {
    format,
    as: kind,
    name: file?.name ?? "",
    dirt,
    ...(experiment.trim() && format !== "answers" ? { experiment: experiment.trim() } : {}),
    ...(encoding && kind !== "parquet" ? { encoding } : {}),
    ...(/\.tsv/i.test(file?.name ?? "") ? { separator: "\t" } : {}),
  };
  const asked = JSON.stringify([query, file?.size, file?.lastModified]);
  const run = useMutation({
    mutationFn: ({ dry }: { dry: boolean; asked: string }) =>
      api.importAnswers({ ...query, dry, body: file! }),
    onSuccess: () => client.invalidateQueries({ queryKey: keyOf("listExperiments") }),
  });
  const current = run.variables?.asked === asked; // what is shown is of these choices
  const looked = current && run.data?.dry === true;
  return (
    <main>
      <h1>Import</h1>
      <p className="quiet">
        All rows come in or none. People of a file are known by pseudonym alone and never count in
        the figures of your own raters.
      </p>
      <Card title="The file">
        <form
          className="data-form"
          onSubmit={(e) => {
            e.preventDefault();
            run.mutate({ dry: true, asked });
          }}
        >
          <label>
            File
            <input
              type="file"
              required
              accept=".jsonl,.ndjson,.csv,.tsv,.parquet,.gz,.zst"
              onChange={(e) => setFile(e.target.files?.[0])}
            />
          </label>
          <label>
            What a row says
            <select value={format} onChange={(e) => setFormat(e.target.value as ImportName)}>
              {importNames.map((name) => (
                <option key={name} value={name}>
                  {formats[name]}
                </option>
              ))}
            </select>
          </label>
          {format !== "answers" && (
            <label>
              Experiment that the answers go to
              <input
                value={experiment}
                placeholder="imported- and the file's name"
                onChange={(e) => setExperiment(e.target.value)}
              />
            </label>
          )}
          {kind !== "parquet" && (
            <label>
              How its text is written
              <select value={encoding} onChange={(e) => setEncoding(e.target.value)}>
                {encodings.map(([value, label]) => (
                  <option key={value} value={value}>
                    {label}
                  </option>
                ))}
              </select>
              <span className="quiet small">
                Bytes that do not fit are refused with their line. Look at the first lines below:
                are accents and signs right?
              </span>
            </label>
          )}
          {file && <FirstLines file={file} encoding={encoding} />}
          {format !== "answers" && (
            <fieldset className="policies">
              <legend>Known faults of published sets</legend>
              {dirtPolicies.map((policy) => (
                <label key={policy} className="check">
                  <input
                    type="radio"
                    name="dirt"
                    checked={dirt === policy}
                    onChange={() => setDirt(policy)}
                  />
                  <span>{policies[policy]}</span>
                </label>
              ))}
            </fieldset>
          )}
          <div className="row">
            <button className="button" disabled={!file || run.isPending}>
              See what would come in
            </button>
            <button
              type="button"
              className="button primary"
              disabled={!looked || run.isPending || run.data!.answers === 0}
              onClick={() => run.mutate({ dry: false, asked })}
            >
              Import
            </button>
          </div>
        </form>
      </Card>
      <div aria-live="polite">
        {run.isPending && <p className="quiet">Reading the file…</p>}
        {current && run.error && <Failed error={run.error} />}
        {current && run.data && <Found r={run.data} />}
      </div>
    </main>
  );
}

/** The first lines as the chosen encoding has them. */
function FirstLines({ file, encoding }: { file: File; encoding: string }) {
  const [text, setText] = useState("");
  useEffect(() => {
    let wanted = true;
    void file
      .slice(0, 2048)
      .arrayBuffer()
      .then((bytes) => {
        if (!wanted) return;
        const head = new Uint8Array(bytes);
        const packed = [0x1f8b, 0x28b5, 0x5041].includes((head[0] ?? 0) * 256 + (head[1] ?? 0));
        const lines = new TextDecoder(encoding || "utf-8").decode(bytes).split(/\r?\n/);
        setText(packed ? "" : lines.slice(0, 4).join("\n"));
      });
    return () => {
      wanted = false;
    };
  }, [file, encoding]);
  return text ? (
    <pre className="first-lines" aria-label="The first lines of the file">
      {text}
    </pre>
  ) : (
    <p className="quiet small">The file is packed, or Parquet: its lines are not shown here.</p>
  );
}

const many = (n: number, what: string) => `${n.toLocaleString("en")} ${what}${n === 1 ? "" : "s"}`;
function Found({ r }: { r: Imported }) {
  return (
    <Card title={r.dry ? "This would come in" : "Imported"}>
      <p>
        {many(r.rows, "row")} read: {many(r.answers, "new answer")} to {many(r.tasks, "task")} by{" "}
        {many(r.people, "new person").replace("persons", "people")}; {many(r.known, "answer")}{" "}
        {r.known === 1 ? "is" : "are"} here already, unchanged.
      </p>
      {r.dirt.length > 0 && (
        <table className="plain">
          <thead>
            <tr>
              <th>Rows that</th>
              <th>Found</th>
              <th>Left out</th>
              <th>Lines</th>
            </tr>
          </thead>
          <tbody>
            {r.dirt.map((d) => (
              <tr key={d.kind}>
                <td>{dirtInWords[d.kind]}</td>
                <td className="num">{d.found}</td>
                <td className="num">{d.leftOut}</td>
                <td className="quiet small">
                  {d.lines.join(", ")}
                  {d.found > d.lines.length && " …"}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {!r.dry &&
        r.experiments.map((id) => (
          <p key={id}>
            <Link to="/studio/experiments/$id" params={{ id }}>
              {id}
            </Link>
          </p>
        ))}
    </Card>
  );
}
