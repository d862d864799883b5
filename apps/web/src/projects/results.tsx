/** A project: how far it is, its state, its results, who answered, its settings, further items. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import type { Project, ProjectState } from "@tiller/schema";
import { api, asking, keyOf } from "../api.ts";
import { Loaded, percent, Refused, Stat, when } from "../design/components.tsx";
import { ExportButton } from "./export.tsx";
import { Items } from "./items-table.tsx";
import { StateBadge } from "./list.tsx";
import { MoreLabels } from "./more-labels.tsx";
import { PeopleOfProject } from "./people.tsx";
import { AddMore, MoreGold, ProjectSettings } from "./settings.tsx";
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
            <MoreGold project={p} />
            <ProjectSettings key={p.id} project={p} />
            <MoreLabels project={p} />
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
