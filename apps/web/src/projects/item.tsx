/** One item of a project as a rater saw it, with each person's answer, and its row in the file. */
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useState } from "react";
import type { ProjectItem } from "@tiller/schema";
import { type Draft, fieldsOf, inWords, at as valueAt } from "@tiller/task";
import { asking } from "../api.ts";
import { Badge, Card, fixed, Loaded, percent, when, Scroll } from "../design/components.tsx";
import { TaskForm } from "../task/task-form.tsx";
import { ItemReview } from "./item-review.tsx";
import "./projects.css";

export function ProjectItemPage() {
  const { id, place } = useParams({ from: "/projects/$id/items/$place" });
  const item = useQuery(asking("getItem", { id, place }));
  const project = useQuery(asking("getProject", { id }));
  return (
    <main>
      <p className="small">
        <Link to="/projects">Projects</Link> /{" "}
        <Link to="/projects/$id" params={{ id }}>
          {project.data?.title ?? id}
        </Link>
      </p>
      <Loaded query={item}>{(found) => <Item key={found.place} id={id} item={found} />}</Loaded>
    </main>
  );
}

function Item({ id, item }: { id: string; item: ProjectItem }) {
  const [at, setAt] = useState(0);
  const [fixing, setFixing] = useState(false);
  const said = item.said[at];
  const fields = fieldsOf(item.view);
  return (
    <>
      <div className="row spread">
        <h1>
          {item.place}. {item.title}
        </h1>
        {item.said.length > 0 && (
          <label className="row small quiet">
            As seen and answered by
            <select value={at} onChange={(e) => setAt(Number(e.target.value))}>
              {item.said.map((s, i) => (
                <option key={s.answer} value={i}>
                  {s.rater}
                  {s.returned && " (sent back)"}
                </option>
              ))}
            </select>
          </label>
        )}
      </div>
      {!fixing && (
        <Card>
          <TaskForm
            key={at}
            view={item.view}
            input={item.input}
            swap={said?.swap ?? false}
            shown={said?.shown ?? null}
            value={(said?.value ?? item.given ?? {}) as Draft}
            onChange={() => {}}
            onSubmit={() => {}}
            disabled
          />
        </Card>
      )}
      <ItemReview id={id} item={item} fixing={fixing} setFixing={setFixing} />
      <div className="grid">
        <Card title="Answers">
          {item.labels.map((l) => (
            <p key={l.field}>
              <b>{fields.find((f) => f.name === l.field)?.label || l.field}:</b> {l.words || "–"}
              {l.confidence !== null && <span className="quiet"> ({percent(l.confidence)})</span>}
            </p>
          ))}
          {item.given && (
            <p className="quiet">
              The file says:{" "}
              {Object.entries(item.given)
                .map(([name, v]) => inWords(item.view, item.input, name, v))
                .join(", ")}
            </p>
          )}
          {item.said.length === 0 ? (
            <p className="quiet">{item.gold ? "It is hidden gold." : "Nobody has answered yet."}</p>
          ) : (
            <Scroll label="Each answer">
              <table>
                <thead>
                  <tr>
                    <th>Rater</th>
                    {fields.map((f) => (
                      <th key={f.name}>{f.label || f.name}</th>
                    ))}
                    <th>Seconds</th>
                    <th>At</th>
                  </tr>
                </thead>
                <tbody>
                  {item.said.map((s) => (
                    <tr key={s.answer} className={s.returned ? "quiet" : ""}>
                      <td>
                        {s.rater} {s.returned && <Badge>sent back</Badge>}
                      </td>
                      {fields.map((f) => (
                        <td key={f.name}>
                          <div className="cell">
                            {inWords(item.view, item.input, f.name, valueAt(s.value, f.name))}
                          </div>
                        </td>
                      ))}
                      <td className="num">{fixed(s.seconds, 0)}</td>
                      <td className="num quiet">{when(s.at)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </Scroll>
          )}
        </Card>
        <Card title="Its row in the file">
          <dl className="project-row">
            {Object.entries(item.source).map(([name, v]) => (
              <div key={name}>
                <dt className="quiet small">{name}</dt>
                <dd>{typeof v === "string" ? v : JSON.stringify(v)}</dd>
              </div>
            ))}
          </dl>
        </Card>
      </div>
    </>
  );
}
