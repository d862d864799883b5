/** New project: a file, its columns, what is asked with the live preview beside, how many people; then start. */
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import type { ItemMapping, ItemsPreview, UploadedFile } from "@tiller/schema";
import { api, asking, keyOf } from "../api.ts";
import { Card, Loaded, Refused, together } from "../design/components.tsx";
import { AsRatersSee } from "./as-seen.tsx";
import { Columns, FirstRows, Problems } from "./columns.tsx";
import { type Changes, changesOf, KindForm, type Start, startsOf } from "./kind-form.tsx";
import {
  answersWanted,
  bodyOf,
  FirstSettings,
  firstSettings,
  MoreSettings,
} from "./settings-fields.tsx";
import "./projects.css";

const FIRST_KIND = "forced-comparison@1";
const SETTLES_MS = 400;
/** The value once nobody has changed it for a moment. */
function useSettled<T>(value: T): T {
  const [settled, settle] = useState(value);
  const text = JSON.stringify(value);
  useEffect(() => {
    const timer = setTimeout(() => settle(JSON.parse(text) as T), SETTLES_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}

export function NewProjectPage() {
  const tasks = useQuery({ ...asking("listTasks"), staleTime: Infinity });
  const made = useQuery(asking("listKinds"));
  return (
    <main className="new-project">
      <h1>New project</h1>
      <Loaded query={together(tasks, made)}>
        {([ready, known]) => <NewProjectForm starts={startsOf(ready.tasks, known)} />}
      </Loaded>
    </main>
  );
}

function NewProjectForm({ starts }: { starts: readonly Start[] }) {
  const [file, setFile] = useState<UploadedFile>();
  const [key, setKey] = useState(FIRST_KIND);
  const [said, setSaid] = useState<Changes>({});
  const [mapping, setMapping] = useState<ItemMapping>();
  const kind = starts.find((k) => k.key === key) ?? starts[0]!;
  const changes = changesOf(kind, said);
  const upload = useMutation({
    mutationFn: (chosen: File) => api.uploadItems({ name: chosen.name, body: chosen }),
    onSuccess: (uploaded) => {
      setFile(uploaded);
      setMapping(undefined);
    },
  });
  const wanted = file && {
    file: file.file,
    kind: kind.key,
    ...(changes.view ? { view: changes.view } : {}),
    ...(mapping ? { mapping } : {}),
  };
  const settled = useSettled(wanted);
  const preview = useQuery({
    ...asking("previewItems", settled ? { body: settled } : undefined),
    placeholderData: keepPreviousData,
  });
  const shown = file && preview.data;
  return (
    <>
      <Card title="1. Your file">
        <label className="project-file">
          <span>CSV, JSONL or Parquet, a row an item</span>
          <input
            type="file"
            accept=".jsonl,.ndjson,.csv,.tsv,.parquet,.gz,.zst"
            onChange={(e) => {
              const [chosen] = e.target.files ?? [];
              if (chosen) upload.mutate(chosen);
            }}
          />
        </label>
        {upload.isPending && <p role="status">It is sent.</p>}
        <Refused error={upload.error} />
        {file && <FirstRows file={file} />}
      </Card>
      {file && (
        <>
          <div className="project-sides">
            <div className="stack">
              <Card title="2. What raters are asked">
                <KindForm
                  starts={starts}
                  start={kind}
                  columns={file.columns}
                  choose={(next) => {
                    setKey(next);
                    setSaid({});
                    setMapping(undefined);
                  }}
                  changes={said}
                  change={setSaid}
                />
              </Card>
              <Card title="3. Columns">
                <Refused error={preview.error} />
                {shown && (
                  <>
                    <Columns file={file} preview={shown} change={setMapping} />
                    <Problems preview={shown} />
                  </>
                )}
              </Card>
            </div>
            <AsRatersSee
              title={said.title ?? kind.title}
              instructions={said.instructions ?? kind.instructions}
              view={said.view ?? kind.view}
              sample={kind.sample}
              items={shown?.items ?? []}
            />
            <StartForm
              key={file.file}
              file={file}
              kind={kind}
              changes={changes}
              mapping={mapping}
              preview={shown}
            />
          </div>
        </>
      )}
    </>
  );
}

function StartForm(p: {
  file: UploadedFile;
  kind: Start;
  changes: Changes;
  mapping: ItemMapping | undefined;
  preview: ItemsPreview | undefined;
}) {
  const { preview } = p;
  const [title, setTitle] = useState(p.file.name.replace(/\..*$/, ""));
  const [gold, setGold] = useState(0);
  const [settings, setSettings] = useState(firstSettings);
  const [leaveOut, setLeaveOut] = useState(false);
  const navigate = useNavigate();
  const client = useQueryClient();
  const create = useMutation({
    mutationFn: (state: "open" | "paused") =>
      api.createProject({
        body: {
          title,
          kind: p.kind.key,
          changes: p.changes,
          file: p.file.file,
          ...(p.mapping ? { mapping: p.mapping } : {}),
          ...bodyOf(settings),
          gold,
          state,
          ...(leaveOut ? { leaveOut: "bad" } : {}),
        },
      }),
    onSuccess: async ({ project }) => {
      await client.invalidateQueries({ queryKey: keyOf("listProjects") });
      await navigate({ to: "/projects/$id", params: { id: project } });
    },
  });
  const bad = preview ? preview.rows - preview.fit : 0;
  const missing = !(p.changes.title ?? p.kind.title).trim()
    ? "Write the question to the raters first, under 2."
    : preview?.slots.length === 0
      ? "Nothing of a row is shown to raters yet: add it under 2, What is shown and asked."
      : undefined;
  const ready = preview !== undefined && preview.fit > 0 && (bad === 0 || leaveOut) && !missing;
  return (
    <Card title="4. Start">
      <form
        className="project-form"
        onSubmit={(e) => {
          e.preventDefault();
          create.mutate("open");
        }}
      >
        <label>
          Name of the project
          <input
            required
            maxLength={200}
            value={title}
            onChange={(e) => setTitle(e.target.value)}
          />
        </label>
        <div className="project-numbers">
          <FirstSettings value={settings} change={setSettings} />
          <label>
            Rows as hidden gold
            <input
              type="number"
              min={0}
              max={preview?.answered ?? 0}
              disabled={!preview?.answered}
              value={gold}
              onChange={(e) => setGold(e.target.valueAsNumber || 0)}
            />
          </label>
        </div>
        {preview !== undefined && preview.answered > 0 && (
          <p className="quiet small">
            Rows with an answer can train and test newcomers too: on the project's page, after the
            start.
          </p>
        )}
        <details>
          <summary>Qualification, pay, and how many answers</summary>
          <div className="project-form">
            <MoreSettings
              value={settings}
              change={setSettings}
              view={p.changes.view ?? p.kind.view}
              kind={p.kind.key.replace(/@.*$/, "")}
            />
          </div>
        </details>
        {bad > 0 && preview!.fit > 0 && (
          <label className="check">
            <input
              type="checkbox"
              checked={leaveOut}
              onChange={(e) => setLeaveOut(e.target.checked)}
            />
            Leave out the {bad} {bad === 1 ? "row that does" : "rows that do"} not fit
          </label>
        )}
        {preview && missing && <p className="warn-text">{missing}</p>}
        <Refused error={create.error} />
        <div className="row">
          <button className="button primary" disabled={!ready || create.isPending}>
            Start
          </button>
          <button
            type="button"
            className="button"
            disabled={!ready || !title.trim() || create.isPending}
            onClick={() => create.mutate("paused")}
          >
            Keep it paused
          </button>
          {preview && preview.fit > 0 && (
            <span className="quiet small">
              {answersWanted(Math.max(0, preview.fit - gold), settings)}
            </span>
          )}
        </div>
      </form>
    </Card>
  );
}
