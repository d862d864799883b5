/** The trace of one experiment in the studio: the viewer over HTTP, its place in the address, ways out to tasks and models. */
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useCallback, useState } from "react";
import type { NodeLink, TracedExperiment } from "@tiller/schema";
import { asking, linkTo } from "../api.ts";
import { Missing } from "../design/components.tsx";
import { HoldButton } from "../experiments/hold.tsx";
import { liveSource } from "./source.ts";
import { Place } from "./tree.ts";
import { Viewer } from "./viewer.tsx";

const bytes = (n: number) =>
  n < 1e6 ? `${(n / 1000).toFixed(1)} kB` : `${(n / 1e6).toFixed(1)} MB`;
const route = "/studio/experiments/$id/trace";

export function TracePage() {
  const { id } = useParams({ from: route });
  const experiment = useQuery({
    ...asking("tracedExperiment", { id }),
    refetchInterval: 5000,
  });
  if (!experiment.data)
    return (
      <main>
        <Missing query={experiment} />
      </main>
    );
  return <Page key={experiment.data.id} experiment={experiment.data} />;
}

function Page({ experiment }: { experiment: TracedExperiment }) {
  const [source] = useState(() => liveSource(experiment));
  const place = Place.parse(useSearch({ strict: false }));
  const navigate = useNavigate({ from: route });
  const go = useCallback(
    (change: Partial<Place>) =>
      void navigate({
        search: (old) => ({ ...old, ...change }),
        replace: true,
        resetScroll: false,
      }),
    [navigate],
  );
  const { id } = experiment;
  return (
    <Viewer
      source={source}
      experiment={experiment}
      place={place}
      go={go}
      link={linkOut}
      aside={
        <>
          <Link className="button" to="/studio/experiments/$id" params={{ id }}>
            Overview
          </Link>
          <HoldButton experiment={experiment} />
          {experiment.resultBytes !== null && (
            <a className="button" href={linkTo("getResult", { id })} download>
              Result ({bytes(experiment.resultBytes)})
            </a>
          )}
          <a className="button" href={linkTo("traceFile", { id })} download>
            Export
          </a>
        </>
      }
    />
  );
}

const linkOut = (l: NodeLink) => {
  switch (l.kind) {
    case "dataset":
      return (
        <Link to="/studio/datasets/$id" params={{ id: l.id }}>
          Dataset version {l.id.slice(0, 12)}
        </Link>
      );
    case "checkpoint":
      return (
        <Link to="/studio/checkpoints/$id" params={{ id: l.id }}>
          Checkpoint {l.id.slice(0, 12)}
        </Link>
      );
    case "experiment":
      return (
        <Link to={route} params={{ id: l.id }} search={{}}>
          Experiment {l.id}
        </Link>
      );
    case "run":
      return <span>Run {l.id} (its curves stand on the experiment's overview)</span>;
    case "batch":
      return <span>Tasks {l.id}</span>;
    default: {
      const never: never = l.kind;
      return never;
    }
  }
};
