/** New project: a file, its columns, what is asked with the live preview beside, how many people; then start. */
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import type { ItemMapping, ItemsPreview, TaskPreview, UploadedFile } from "@tiller/schema";
import { initialValue } from "@tiller/task";
import { api, asking, keyOf } from "../api.ts";
import { Card, Loaded, Markdown, Refused } from "../design/components.tsx";
import { TaskForm } from "../task/task-form.tsx";
import { Columns, FirstRows, Problems } from "./columns.tsx";
import { type Changes, changesOf, KindForm } from "./kind-form.tsx";
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
  const kinds = useQuery({ ...asking("listTasks"), staleTime: Infinity });
  return (
    <main className="new-project">
      <h1>New project</h1>
      <Loaded query={kinds}>
        {({ tasks }) => <NewProjectForm kinds={tasks.filter((t) => t.slots.length > 0)} />}
      </Loaded>
    </main>
  );
}

function NewProjectForm({ kinds }: { kinds: readonly TaskPreview[] }) {
  const [file, setFile] = useState<UploadedFile>();
  const [key, setKey] = useState(FIRST_KIND);
  const [said, setSaid] = useState<Changes>({});
  const [mapping, setMapping] = useState<ItemMapping>();
  const kind = kinds.find((k) => k.key === key) ?? kinds[0]!;
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
                  kinds={kinds}
                  kind={kind}
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
              <Start
                key={file.file}
                file={file}
                kind={kind}
                changes={changes}
                mapping={mapping}
                preview={shown}
              />
            </div>
            <AsRatersSee kind={kind} changes={said} items={shown?.items ?? []} />
          </div>
        </>
      )}
    </>
  );
}

/** The first rows as the desk shows them; before columns are mapped the kind's own sample. */
function AsRatersSee({
  kind,
  changes,
  items,
}: {
  kind: TaskPreview;
  changes: Changes;
  items: ItemsPreview["items"];
}) {
  const [at, setAt] = useState(0);
  const view = changes.view ?? kind.view;
  const item = items[Math.min(at, items.length - 1)];
  const input = item ? item.input : kind.samples[0]?.input;
  return (
    <div className="project-beside">
      <Card
        title="As raters see it"
        aside={
          items.length > 1 && (
            <label className="row small quiet">
              Row
              <select value={item?.row} onChange={(e) => setAt(e.target.selectedIndex)}>
                {items.map((i) => (
                  <option key={i.row} value={i.row}>
                    {i.row}
                  </option>
                ))}
              </select>
            </label>
          )
        }
      >
        <div className="project-preview" data-testid="preview">
          <h3>{changes.title ?? kind.title}</h3>
          <TaskForm
            key={JSON.stringify([kind.key, item?.row, view])}
            view={view}
            input={input}
            swap={false}
            value={initialValue(view, input)}
            onChange={() => {}}
            onSubmit={() => {}}
            disabled
          />
          <details>
            <summary>Guidelines</summary>
            <Markdown text={changes.instructions ?? kind.instructions} />
          </details>
        </div>
      </Card>
    </div>
  );
}

function Start(p: {
  file: UploadedFile;
  kind: TaskPreview;
  changes: Changes;
  mapping: ItemMapping | undefined;
  preview: ItemsPreview | undefined;
}) {
  const { preview } = p;
  const [title, setTitle] = useState(p.file.name.replace(/\..*$/, ""));
  const [people, setPeople] = useState(3);
  const [gold, setGold] = useState(0);
  const [deadline, setDeadline] = useState("");
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
          people,
          gold,
          state,
          ...(deadline ? { deadline: new Date(deadline).toISOString() } : {}),
          ...(leaveOut ? { leaveOut: "bad" } : {}),
        },
      }),
    onSuccess: async ({ project }) => {
      await client.invalidateQueries({ queryKey: keyOf("listProjects") });
      await navigate({ to: "/projects/$id", params: { id: project } });
    },
  });
  const bad = preview ? preview.rows - preview.fit : 0;
  const ready = preview !== undefined && preview.fit > 0 && (bad === 0 || leaveOut);
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
          <label>
            People an item
            <input
              type="number"
              min={1}
              max={100}
              required
              value={people}
              onChange={(e) => setPeople(e.target.valueAsNumber || 1)}
            />
          </label>
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
          <label>
            Deadline
            <input
              type="datetime-local"
              value={deadline}
              onChange={(e) => setDeadline(e.target.value)}
            />
          </label>
        </div>
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
              {Math.max(0, preview.fit - gold) * people} answers wanted
            </span>
          )}
        </div>
      </form>
    </Card>
  );
}
