/** A field that names a dataset or a model: one of those that are here, another by its id, or a file that is uploaded now. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { promptRows, rowSchemas, type UploadedFile } from "@tiller/schema";
import { api, asking, keyOf } from "../api.ts";
import { Refused, when } from "../design/components.tsx";
import { type Box, shown } from "./input-base.tsx";

interface Option {
  readonly id: string;
  readonly says: string;
}

export const Artefact = ({ kind, ...box }: Box & { kind: "checkpoint" | "dataset" }) =>
  kind === "dataset" ? <DatasetField {...box} /> : <ModelField {...box} />;

function ModelField(box: Box) {
  const models = useQuery(asking("listCheckpoints"));
  const options = (models.data ?? []).map((m) => ({
    id: m.id as string,
    says: `${m.name} ${m.id.slice(0, 12)}, ${m.role}, ${when(m.createdAt)}`,
  }));
  return <Pick {...box} options={options} other="another folder or id" />;
}

function DatasetField(box: Box) {
  const datasets = useQuery(asking("listDatasets", {}));
  const options = (datasets.data ?? []).map((d) => ({
    id: d.id as string,
    says: `${d.name} ${d.id.slice(0, 12)}, ${d.rows} rows of ${d.schema}, ${when(d.createdAt)}`,
  }));
  return (
    <>
      <Pick {...box} options={options} other="another id" />
      <Upload label={box.label} use={(id) => box.at.set(id)} />
    </>
  );
}

/** One of what is here, or what is written. */
function Pick({
  at,
  id,
  label,
  options,
  other,
}: Box & { options: readonly Option[]; other: string }) {
  const value = typeof at.value === "string" ? at.value : undefined;
  const known = value !== undefined && options.some((o) => o.id === value);
  const [writing, write] = useState(false);
  const free = writing || (value !== undefined && !known);
  return (
    <>
      <select
        id={id}
        value={free ? "other" : (value ?? "")}
        onChange={(e) => {
          write(e.target.value === "other");
          at.set(e.target.value === "other" ? undefined : e.target.value || undefined);
        }}
      >
        <option value="">
          {at.schema.default === undefined ? "none" : `${shown(at.schema.default)} (default)`}
        </option>
        {options.map((o) => (
          <option key={o.id} value={o.id}>
            {o.says}
          </option>
        ))}
        <option value="other">{other}…</option>
      </select>
      {free && (
        <input
          aria-label={`${label}: ${other}`}
          value={value ?? ""}
          onChange={(e) => at.set(e.target.value || undefined)}
        />
      )}
    </>
  );
}

/** A file of rows becomes a dataset: which column is the prompt is said before it is saved. */
function Upload({ label, use }: { label: string; use: (id: string) => void }) {
  const client = useQueryClient();
  const [file, setFile] = useState<UploadedFile>();
  const [column, setColumn] = useState("");
  const [schema, setSchema] = useState(promptRows.name);
  const prompts = schema === promptRows.name;
  const send = useMutation({
    mutationFn: (chosen: File) => api.uploadItems({ name: chosen.name, body: chosen }),
    onSuccess: (sent) => {
      setFile(sent);
      const guess = ["prompt", "passage", "text", "question"].find((c) => sent.columns.includes(c));
      setColumn(guess ?? sent.columns[0]!);
    },
  });
  const save = useMutation({
    mutationFn: (from: UploadedFile) =>
      api.createDataset({
        body: { file: from.file, name: from.name, schema, ...(prompts && { column }) },
      }),
    onSuccess: async (made) => {
      await client.invalidateQueries({ queryKey: keyOf("listDatasets") });
      setFile(undefined);
      use(made.id);
    },
  });
  const first = file?.rows[0]?.cells[file.columns.indexOf(column)];
  return (
    <div className="input-upload small">
      <label>
        <span className="quiet">Or upload a file (CSV, JSONL, Parquet)</span>
        <input
          type="file"
          aria-label={`${label}: a file`}
          accept=".jsonl,.ndjson,.csv,.tsv,.parquet,.gz,.zst"
          onChange={(e) => {
            const [chosen] = e.target.files ?? [];
            if (chosen) send.mutate(chosen);
          }}
        />
      </label>
      {send.isPending && <p role="status">It is sent.</p>}
      <Refused error={send.error} />
      {file && (
        <div className="row">
          <label className="row">
            Its rows are
            <select value={schema} onChange={(e) => setSchema(e.target.value)}>
              {rowSchemas.map((s) => (
                <option key={s.name}>{s.name}</option>
              ))}
            </select>
          </label>
          {prompts && (
            <label className="row">
              The prompt is in column
              <select value={column} onChange={(e) => setColumn(e.target.value)}>
                {file.columns.map((c) => (
                  <option key={c}>{c}</option>
                ))}
              </select>
            </label>
          )}
          <button
            type="button"
            className="button small"
            disabled={save.isPending}
            onClick={() => save.mutate(file)}
          >
            Save it as a dataset and use it
          </button>
          {prompts && first !== undefined && (
            <p className="quiet">First row: {first.slice(0, 160)}</p>
          )}
        </div>
      )}
      <Refused error={save.error} />
    </div>
  );
}
