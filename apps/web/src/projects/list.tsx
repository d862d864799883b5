/** All projects: what each asks, how far it is, its state. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { Project, ProjectState } from "@tiller/schema";
import { asking } from "../api.ts";
import { Badge, Empty, Loaded, Meter, when } from "../design/components.tsx";
import "./projects.css";

const tones: Readonly<Record<ProjectState, "good" | "warn" | undefined>> = {
  open: "good",
  paused: "warn",
  closed: undefined,
  archived: undefined,
};
export const StateBadge = ({ state }: { state: ProjectState }) => {
  const tone = tones[state];
  return <Badge {...(tone ? { tone } : {})}>{state}</Badge>;
};

export function ProjectsPage() {
  const list = useQuery({ ...asking("listProjects"), refetchInterval: 5000 });
  return (
    <main>
      <div className="row spread">
        <h1>Projects</h1>
        <Link className="button primary" to="/projects/new">
          New project
        </Link>
      </div>
      <Loaded
        query={list}
        empty={
          <Empty title="No projects yet">
            A project puts the rows of your file before raters and brings their labels back.{" "}
            <Link to="/projects/new">Start with a file</Link>.
          </Empty>
        }
      >
        {(projects) => (
          <>
            <Table projects={projects.filter((p) => p.state !== "archived")} />
            {projects.some((p) => p.state === "archived") && (
              <details>
                <summary>Archived</summary>
                <Table projects={projects.filter((p) => p.state === "archived")} />
              </details>
            )}
          </>
        )}
      </Loaded>
    </main>
  );
}

const Table = ({ projects }: { projects: readonly Project[] }) => (
  <div className="card scroll">
    <table className="projects">
      <thead>
        <tr>
          <th>Project</th>
          <th>State</th>
          <th>Items</th>
          <th>Answers</th>
          <th>Deadline</th>
        </tr>
      </thead>
      <tbody>
        {projects.map((p) => (
          <tr key={p.id}>
            <td>
              <Link to="/projects/$id" params={{ id: p.id }}>
                {p.title}
              </Link>
              <div className="quiet small">{p.question}</div>
            </td>
            <td>
              <StateBadge state={p.state} />
            </td>
            <td className="num">{p.items}</td>
            <td className="num">
              {p.answers} of {p.wanted}
              <Meter done={p.answers} total={p.wanted} label={`Answers to ${p.title}`} />
            </td>
            <td className="num quiet">{p.deadline ? when(p.deadline) : "–"}</td>
          </tr>
        ))}
      </tbody>
    </table>
  </div>
);
