/** A project: how far it is, its state, and a row an item: label, confidence, answers, seconds, disagreement. */
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { z } from "zod";
import type { ItemPage, Project, ProjectState, ResultsQuery } from "@tiller/schema";
import { api, asking, keyOf, linkTo } from "../api.ts";
import {
  Card,
  Empty,
  fixed,
  Loaded,
  percent,
  Refused,
  Stat,
  when,
  Scroll,
} from "../design/components.tsx";
import { StateBadge } from "./list.tsx";
import "./projects.css";

const PAGE = 50;
/** What the page's address holds. */
export const ResultsPlace = z.object({
  show: z.enum(["answered", "done", "open", "gold"]).optional().catch(undefined),
  q: z.string().optional().catch(undefined),
  label: z.string().optional().catch(undefined),
  sort: z.enum(["answers", "confidence", "disagreement", "seconds"]).optional().catch(undefined),
  down: z.boolean().optional().catch(undefined),
  page: z.int().min(1).optional().catch(undefined),
});
type Place = z.infer<typeof ResultsPlace>;
const route = "/projects/$id";

export function ProjectPage() {
  const { id } = useParams({ from: route });
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
            <Items project={p} />
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
      <a className="button" href={linkTo("exportProject", { id, as: "csv" })}>
        Export CSV
      </a>
      <a className="button" href={linkTo("exportProject", { id, as: "jsonl" })}>
        JSONL
      </a>
    </div>
  );
}

const sorts: readonly (readonly [NonNullable<Place["sort"]>, string])[] = [
  ["confidence", "Confidence"],
  ["answers", "Answers"],
  ["seconds", "Seconds"],
  ["disagreement", "Disagreement"],
];
function queryOf(id: string, place: Place) {
  const [field, ...label] = (place.label ?? "").split("=");
  const query: Partial<ResultsQuery> = {
    ...(place.show ? { show: place.show } : {}),
    ...(place.q ? { q: place.q } : {}),
    ...(place.label ? { field: field!, label: label.join("=") } : {}),
    ...(place.sort ? { sort: place.sort, order: place.down ? "down" : "up" } : {}),
  };
  return { id, ...query, offset: ((place.page ?? 1) - 1) * PAGE, limit: PAGE };
}

function Items({ project: { id } }: { project: Project }) {
  const place = ResultsPlace.parse(useSearch({ strict: false }));
  const navigate = useNavigate({ from: route });
  const go = (change: Partial<Place>) =>
    void navigate({ search: (old) => ({ ...old, page: undefined, ...change }), replace: true });
  const items = useQuery({
    ...asking("listItems", queryOf(id, place)),
    refetchInterval: 5000,
    placeholderData: keepPreviousData,
  });
  return (
    <Card title="Results">
      <div className="project-filters">
        <input
          type="search"
          aria-label="Search"
          placeholder="Search"
          defaultValue={place.q}
          onChange={(e) => go({ q: e.target.value || undefined })}
        />
        <select
          aria-label="Items"
          value={place.show ?? ""}
          onChange={(e) => go({ show: (e.target.value || undefined) as Place["show"] })}
        >
          <option value="">All items</option>
          <option value="answered">With an answer</option>
          <option value="done">Complete</option>
          <option value="open">Open</option>
          <option value="gold">Gold</option>
        </select>
        {items.data?.fields.some((f) => f.labels.length > 0) && (
          <select
            aria-label="Label"
            value={place.label ?? ""}
            onChange={(e) => go({ label: e.target.value || undefined })}
          >
            <option value="">Every label</option>
            {items.data.fields.flatMap((f) =>
              f.labels.map(({ value, label }) => (
                <option key={`${f.name}=${value}`} value={`${f.name}=${value}`}>
                  {f.label || f.name}: {label}
                </option>
              )),
            )}
          </select>
        )}
        <span className="small quiet num" role="status">
          {items.data && `${items.data.total} items`}
        </span>
      </div>
      <Loaded query={items}>
        {(page) =>
          page.total === 0 ? (
            <Empty title="No item matches" />
          ) : (
            <>
              <Table id={id} page={page} place={place} go={go} />
              <Pages page={place.page ?? 1} total={page.total} go={go} />
            </>
          )
        }
      </Loaded>
    </Card>
  );
}

function Table({
  id,
  page,
  place,
  go,
}: {
  id: string;
  page: ItemPage;
  place: Place;
  go: (change: Partial<Place>) => void;
}) {
  const order = (sort: Place["sort"]) =>
    place.sort === sort ? (place.down ? "descending" : "ascending") : undefined;
  return (
    <Scroll label="Results">
      <table className="results">
        <thead>
          <tr>
            <th>Item</th>
            {page.fields.map((f) => (
              <th key={f.name}>{f.label || f.name}</th>
            ))}
            {sorts.map(([sort, name]) => (
              <th key={sort} aria-sort={order(sort)}>
                <button
                  className="sort"
                  onClick={() =>
                    go(
                      place.sort !== sort
                        ? { sort, down: true }
                        : place.down
                          ? { down: undefined }
                          : { sort: undefined, down: undefined },
                    )
                  }
                >
                  {name}
                  {place.sort === sort && (place.down ? " \u2193" : " \u2191")}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {page.items.map((i) => (
            <tr key={i.place}>
              <td>
                <Link
                  to="/projects/$id/items/$place"
                  params={{ id, place: String(i.place) }}
                  className="item-text"
                >
                  <span className="quiet num">{i.place}</span> {i.text}
                </Link>
              </td>
              {page.fields.map((f) => (
                <td key={f.name}>
                  <div className="cell">
                    {i.labels.find((l) => l.field === f.name)?.words || "–"}
                  </div>
                </td>
              ))}
              <td className="num">
                {percent(i.labels.find((l) => l.confidence !== null)?.confidence)}
              </td>
              <td className="num">{i.gold ? "gold" : `${i.answers} of ${i.people}`}</td>
              <td className="num">{fixed(i.seconds, 0)}</td>
              <td className="num">{percent(i.disagreement)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

const Pages = ({
  page,
  total,
  go,
}: {
  page: number;
  total: number;
  go: (change: Partial<Place>) => void;
}) =>
  total > PAGE && (
    <div className="row">
      <button className="button" disabled={page === 1} onClick={() => go({ page: page - 1 })}>
        Back
      </button>
      <span className="small quiet num">
        {(page - 1) * PAGE + 1} to {Math.min(total, page * PAGE)} of {total}
      </span>
      <button
        className="button"
        disabled={page * PAGE >= total}
        onClick={() => go({ page: page + 1 })}
      >
        Next
      </button>
    </div>
  );

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
