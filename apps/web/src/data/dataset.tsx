/** A dataset version: its rows with the judgments behind them, what it is made of, and what changed since another version. */
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import type { Dataset } from "@tiller/schema";
import { asking } from "../api.ts";
import { Badge, Missing, when } from "../design/components.tsx";
import { Changes } from "./dataset-changes.tsx";
import { CardView } from "./dataset-card.tsx";
import { ExamplesView } from "./dataset-examples.tsx";
import { DatasetPlace, type Go } from "./dataset-place.ts";
import "./data.css";

const views = { examples: "Examples", card: "Card", changes: "Changes" } as const;

export function DatasetPage() {
  const { id } = useParams({ from: "/studio/datasets/$id" });
  const place = DatasetPlace.parse(useSearch({ strict: false }));
  const navigate = useNavigate({ from: "/studio/datasets/$id" });
  const go: Go = (change) =>
    void navigate({ search: (old) => ({ ...old, page: undefined, ...change }), replace: true });
  const head = useQuery(asking("getDataset", { id }));
  if (!head.data)
    return (
      <main>
        <Missing query={head} />
      </main>
    );
  const view = place.view ?? "examples";
  return (
    <main className="dataset">
      <Head dataset={head.data} />
      <nav className="row" aria-label="Views of the dataset">
        {Object.entries(views).map(([key, name]) => (
          <Link
            key={key}
            className="button"
            to="/studio/datasets/$id"
            params={{ id }}
            search={{ view: key as keyof typeof views }}
            aria-current={key === view ? "page" : undefined}
          >
            {name}
          </Link>
        ))}
      </nav>
      {view === "examples" && <ExamplesView id={id} place={place} go={go} />}
      {view === "card" && <CardView dataset={head.data} place={place} go={go} />}
      {view === "changes" && <Changes dataset={head.data} place={place} go={go} />}
    </main>
  );
}

function Head({ dataset: d }: { dataset: Dataset }) {
  return (
    <div>
      <Link to="/studio/datasets" className="small">
        All datasets
      </Link>
      <h1>
        Dataset {d.name} {d.role === "evaluation" && <Badge>evaluation</Badge>}
      </h1>
      <p className="quiet">
        {d.rows} rows{d.judgments > 0 && ` from ${d.judgments} judgments`}, schema{" "}
        <code>{d.schema}</code>, version <code title={d.id}>{d.id.slice(0, 12)}</code> of{" "}
        {when(d.createdAt)}
        {d.experiment && (
          <>
            , by{" "}
            <Link to="/studio/experiments/$id" params={{ id: d.experiment }}>
              {d.experiment}
            </Link>
          </>
        )}
      </p>
    </div>
  );
}
