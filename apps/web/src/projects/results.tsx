/** A project: how far it is, its state, its results, who answered, and further items. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useState } from "react";
import type { Project, ProjectState } from "@tiller/schema";
import { api, asking, keyOf } from "../api.ts";
import { Card, Loaded, percent, Refused, Stat, when } from "../design/components.tsx";
import { ExportButton } from "./export.tsx";
import { Items } from "./items-table.tsx";
import { StateBadge } from "./list.tsx";
import { PeopleOfProject } from "./people.tsx";
import "./projects.css";

export function ProjectPage() {
  const { id } = useParams({ from: "/projects/$id" });
  const project = useQuery({ ...asking("getProject", { id }), refetchInterval: 3000 });
  return (
    <main>
      <p className="small">
        <Link to="/projects">Projects</Link>
      </p>
      <Loaded query={project}>
        {(p) => (
          <>
            <div className="row spread">
              <div className="row">
                <h1>{p.title}</h1>
                <StateBadge state={p.state} />
              </div>
              <Acts project={p} />
            </div>
            <p className="quiet">{p.question}</p>
            <div className="stats">
              <Stat name="Items" value={String(p.items)} note={`${p.people} people each`} />
              <Stat
                name="Answers"
                value={`${p.answers} of ${p.wanted}`}
                note={percent(p.wanted ? p.answers / p.wanted : null)}
              />
              <Stat name="Hidden gold" value={String(p.gold)} />
              <Stat name="Deadline" value={p.deadline ? when(p.deadline) : "none"} />
            </div>
            <Items id={p.id} />
            <PeopleOfProject id={p.id} />
            <AddMore project={p} />
          </>
        )}
      </Loaded>
    </main>
  );
}

const acts: Readonly<Record<ProjectState, readonly (readonly [string, ProjectState])[]>> = {
  open: [
    ["Pause", "paused"],
    ["Close", "closed"],
  ],
  paused: [
    ["Go on", "open"],
    ["Close", "closed"],
  ],
  closed: [
    ["Reopen", "open"],
    ["Archive", "archived"],
  ],
  archived: [["Reopen", "open"]],
};
function Acts({ project }: { project: Project }) {
  const client = useQueryClient();
  const { id } = project;
  const change = useMutation({
    mutationFn: (state: ProjectState) => api.changeProject({ id, body: { state } }),
    onSuccess: () => client.invalidateQueries({ queryKey: keyOf("getProject") }),
  });
  return (
    <div className="row">
      <Refused error={change.error} />
      {acts[project.state].map(([name, state]) => (
        <button
          key={state}
          className="button"
          disabled={change.isPending}
          onClick={() => change.mutate(state)}
        >
          {name}
        </button>
      ))}
      <ExportButton id={id} />
    </div>
  );
}

function AddMore({ project: { id } }: { project: Project }) {
  const [leaveOut, setLeaveOut] = useState(false);
  const client = useQueryClient();
  const add = useMutation({
    mutationFn: async (file: File) => {
      const { file: named } = await api.uploadItems({ name: file.name, body: file });
      return api.addItems({ id, body: { file: named, ...(leaveOut ? { leaveOut: "bad" } : {}) } });
    },
    onSuccess: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: keyOf("getProject") }),
        client.invalidateQueries({ queryKey: keyOf("listItems") }),
      ]),
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
        </p>
      )}
    </Card>
  );
}
