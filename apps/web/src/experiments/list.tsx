/** The list of experiments: each with how far it is, what it used up, what it waits for and what helps, what came out. */
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { z } from "zod";
import type { Experiment, ExperimentProgress } from "@tiller/schema";
import { asking } from "../api.ts";
import { Empty, Failed, Loaded } from "../design/components.tsx";
import { MOST } from "./compare.tsx";
import { ImportButton } from "./import.tsx";
import { useLive } from "./live.ts";
import { ExperimentRow, isImported } from "./row.tsx";
import "./experiments.css";

const SHOWN = 100; // until all are asked for
const LOOK_MS = 30_000; // for what another server does; what happens on this one is told
/** What the page's address holds. */
export const ExperimentsPlace = z.object({
  state: z.string().optional().catch(undefined),
  recipe: z.string().optional().catch(undefined),
});
type ExperimentsPlace = z.infer<typeof ExperimentsPlace>;
const route = "/studio/experiments";

const matches =
  (place: ExperimentsPlace, progress: ReadonlyMap<string, ExperimentProgress>) =>
  (e: Experiment): boolean => {
    if (place.recipe && e.recipe !== place.recipe) return false;
    if (!place.state) return true;
    if (place.state === "imported") return isImported(e);
    const p = progress.get(e.id);
    return place.state === "stuck"
      ? p !== undefined && (p.waiting > 0 || p.failed > 0)
      : e.state === place.state;
  };

export function Experiments() {
  const place = ExperimentsPlace.parse(useSearch({ strict: false }));
  const navigate = useNavigate({ from: route });
  const go = (change: ExperimentsPlace) =>
    void navigate({ search: (old) => ({ ...old, ...change }), replace: true });
  const [all, showAll] = useState(false);
  const [chosen, choose] = useState<readonly string[]>([]); // to compare
  useLive();
  const list = useQuery({ ...asking("listExperiments"), refetchInterval: LOOK_MS });
  const known = useQuery({ ...asking("listProgress"), refetchInterval: LOOK_MS });
  const progress = new Map((known.data ?? []).map((p) => [p.id as string, p]));
  const experiments = list.data ?? [];
  const recipes = [...new Set(experiments.map((e) => e.recipe))].toSorted();
  const found = experiments.filter(matches(place, progress));
  return (
    <main>
      <div className="row spread">
        <h1>Experiments</h1>
        <div className="row">
          <ImportButton />
          <Link className="button primary" to="/studio/start" search={{}}>
            Start an experiment
          </Link>
        </div>
      </div>
      <div className="experiment-filters" hidden={!experiments.length}>
        <select
          aria-label="State"
          value={place.state ?? ""}
          onChange={(e) => go({ state: e.target.value || undefined })}
        >
          <option value="">Every state</option>
          <option value="running">running</option>
          <option value="stuck">waiting or failed inside</option>
          <option value="held">held</option>
          <option value="done">done</option>
          <option value="failed">failed</option>
          <option value="cancelled">cancelled</option>
          <option value="imported">imported</option>
        </select>
        <select
          aria-label="Workflow"
          value={place.recipe ?? ""}
          onChange={(e) => go({ recipe: e.target.value || undefined })}
        >
          <option value="">Every workflow</option>
          {recipes.map((r) => (
            <option key={r} value={r}>
              {r}
            </option>
          ))}
        </select>
        <span className="small quiet num" role="status">
          {list.data && `${found.length} of ${experiments.length}`}
        </span>
      </div>
      {chosen.length > 0 && (
        <div className="compare-bar" role="status">
          {chosen.length === 1
            ? "1 experiment chosen: choose another to compare."
            : `${chosen.length} experiments chosen.`}
          {chosen.length > 1 && chosen.length <= MOST && (
            <Link className="button primary" to="/studio/compare" search={{ ids: [...chosen] }}>
              Compare them
            </Link>
          )}
          {chosen.length > MOST && <span>{MOST} at most are compared.</span>}
          <button className="button plain" onClick={() => choose([])}>
            Choose none
          </button>
        </div>
      )}
      {known.error && <Failed error={known.error} retry={() => void known.refetch()} />}
      <Loaded query={list}>
        {() =>
          experiments.length === 0 ? (
            <Empty title="No experiments yet">
              <Link to="/studio/start" search={{}}>
                Start one
              </Link>
              , or open a trace that somebody exported.
            </Empty>
          ) : found.length === 0 ? (
            <Empty title="No experiment matches">
              <button
                className="button"
                onClick={() => go({ state: undefined, recipe: undefined })}
              >
                Show all experiments
              </button>
            </Empty>
          ) : (
            <>
              <ul className="experiments">
                {found.slice(0, all ? undefined : SHOWN).map((e) => (
                  <ExperimentRow
                    key={e.id}
                    experiment={e}
                    progress={progress.get(e.id)}
                    now={known.dataUpdatedAt}
                    chosen={chosen.includes(e.id)}
                    choose={(yes) =>
                      choose((old) => (yes ? [...old, e.id] : old.filter((id) => id !== e.id)))
                    }
                  />
                ))}
              </ul>
              {!all && found.length > SHOWN && (
                <div>
                  <button className="button" onClick={() => showAll(true)}>
                    Show all {found.length}
                  </button>
                </div>
              )}
            </>
          )
        }
      </Loaded>
    </main>
  );
}
