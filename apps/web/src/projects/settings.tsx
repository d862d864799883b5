/** What a lead changes of a project after its start: settings, what is asked, hidden gold, further items. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { KnownItem, Project } from "@tiller/schema";
import { inWords } from "@tiller/task";
import { api, asking, keyOf } from "../api.ts";
import { Card, Refused } from "../design/components.tsx";
import { type FromRows, QualificationForm } from "../people/qualification-form.tsx";
import { bodyOf, FirstSettings, MoreSettings, settingsOf } from "./settings-fields.tsx";

function useSeen() {
  const client = useQueryClient();
  return () =>
    Promise.all(
      (["getProject", "listItems", "knownItems"] as const).map((name) =>
        client.invalidateQueries({ queryKey: keyOf(name) }),
      ),
    );
}

export function ProjectSettings({ project }: { project: Project }) {
  const { id } = project;
  const kinds = useQuery(asking("listKinds"));
  const kind = kinds.data?.find((k) => k.name === project.type);
  const [value, setValue] = useState(() => settingsOf(project));
  const [title, setTitle] = useState(project.title);
  const seen = useSeen();
  const save = useMutation({
    mutationFn: () => api.changeProject({ id, body: { title, ...bodyOf(value) } }),
    onSuccess: seen,
  });
  return (
    <Card
      title="Settings"
      aside={
        <Link className="button" to="/projects/$id/kind" params={{ id }}>
          Change what is asked
        </Link>
      }
    >
      <form
        className="project-form"
        onSubmit={(e) => {
          e.preventDefault();
          save.mutate();
        }}
      >
        <div className="project-numbers">
          <label>
            Name of the project
            <input
              required
              maxLength={200}
              value={title}
              onChange={(e) => setTitle(e.target.value)}
            />
          </label>
          <FirstSettings value={value} change={setValue} />
        </div>
        {kind && (
          <MoreSettings value={value} change={setValue} view={kind.view} kind={project.type} />
        )}
        <Refused error={save.error} />
        <div className="row">
          <button className="button" disabled={save.isPending}>
            Save settings
          </button>
          {save.isSuccess && (
            <span role="status" className="quiet small">
              Saved.
            </span>
          )}
        </div>
      </form>
    </Card>
  );
}

export function AddMore({ project: { id } }: { project: Project }) {
  const [leaveOut, setLeaveOut] = useState(false);
  const seen = useSeen();
  const add = useMutation({
    mutationFn: async (file: File) => {
      const { file: named } = await api.uploadItems({ name: file.name, body: file });
      return api.addItems({ id, body: { file: named, ...(leaveOut ? { leaveOut: "bad" } : {}) } });
    },
    onSuccess: seen,
  });
  return (
    <Card title="Add items">
      <label className="project-file">
        <span>A file with the same columns</span>
        <input
          type="file"
          accept=".jsonl,.ndjson,.csv,.tsv,.parquet,.gz,.zst"
          onChange={(e) => {
            const [chosen] = e.target.files ?? [];
            if (chosen) add.mutate(chosen);
            e.target.value = "";
          }}
        />
      </label>
      <label className="check">
        <input type="checkbox" checked={leaveOut} onChange={(e) => setLeaveOut(e.target.checked)} />
        Leave out rows that do not fit
      </label>
      <Refused error={add.error} />
      {add.data && (
        <p role="status">
          {add.data.items} items added, {add.data.leftOut} rows left out.
          {add.data.repeated > 0 &&
            ` ${add.data.repeated} of them show what an earlier row shows already.`}
        </p>
      )}
    </Card>
  );
}

/** Rows that came with an answer: hidden gold of those that nobody has begun; and newcomers' training and test. */
export function MoreGold({ project }: { project: Project }) {
  const { id, type } = project;
  const known = useQuery(asking("knownItems", { id }));
  const kinds = useQuery(asking("listKinds"));
  const view = kinds.data?.find((k) => k.name === type)?.view;
  const [chosen, choose] = useState<readonly number[]>([]);
  const [preparing, prepare] = useState<FromRows["use"]>();
  const types = useQuery(asking("listQualificationTypes"));
  const seen = useSeen();
  const make = useMutation({
    mutationFn: () => api.makeGold({ id, body: { places: [...chosen] } }),
    onSuccess: () => {
      choose([]);
      return seen();
    },
  });
  const open = (known.data ?? []).filter((k) => !k.begun);
  if (!view || !open.length) return null;
  const words = (k: KnownItem) =>
    Object.entries(k.expected)
      .map(([name, v]) => inWords(view, k.input, name, v))
      .join(", ");
  const turn = (place: number, on: boolean) =>
    choose(on ? [...chosen, place] : chosen.filter((p) => p !== place));
  return (
    <Card title="Rows that came with an answer">
      <p className="quiet">
        Nobody has begun these. Hidden gold measures raters with them in place of asking. Newcomers
        are trained and tested with them before their first task; they stay items of the project.
      </p>
      <div className="project-known">
        {open.map((k) => (
          <label key={k.place} className="check">
            <input
              type="checkbox"
              checked={chosen.includes(k.place)}
              onChange={(e) => turn(k.place, e.target.checked)}
            />
            <span>
              <span className="quiet num">{k.place}</span> {k.text.slice(0, 120)} <b>{words(k)}</b>
            </span>
          </label>
        ))}
      </div>
      <Refused error={make.error} />
      <div className="row project-acts">
        <button
          className="button"
          disabled={!chosen.length || make.isPending}
          onClick={() => make.mutate()}
        >
          Make {chosen.length || ""} hidden gold
        </button>
        {(["training", "screening"] as const).map((use) => (
          <button
            key={use}
            className="button"
            disabled={!chosen.length || !types.data}
            onClick={() => prepare(use)}
          >
            {use === "training" ? "Train" : "Test"} newcomers with {chosen.length || "them"}
          </button>
        ))}
      </div>
      {preparing && (
        <QualificationForm
          from={types.data?.find((t) => t.active && t.body.kind === type)}
          rows={{
            use: preparing,
            rows: open.filter((k) => chosen.includes(k.place)),
            project,
          }}
          close={() => prepare(undefined)}
        />
      )}
    </Card>
  );
}
