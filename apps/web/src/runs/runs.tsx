/** The studio's list of runs: how far each is, when it will end, what it used up, what it waits for and what helps. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useRef } from "react";
import { z } from "zod";
import type { RunProgress } from "@tiller/schema";
import { asking, keyOf } from "../api.ts";
import { Badge, Empty, Loaded, Meter, when } from "../design/components.tsx";
import { stateTone } from "../studio/experiments.tsx";
import { ago, compact, money, span } from "../trace/format.ts";
import { HoldButton } from "./hold.tsx";
import { RunWords } from "./words.tsx";
import { importFile } from "./import.ts";
import "./runs.css";

/** What the page's address holds. */
export const RunsPlace = z.object({
  state: z.string().optional().catch(undefined),
  recipe: z.string().optional().catch(undefined),
});
const route = "/studio/runs";

export function Runs() {
  const place = RunsPlace.parse(useSearch({ strict: false }));
  const navigate = useNavigate({ from: route });
  const go = (change: Partial<z.infer<typeof RunsPlace>>) =>
    void navigate({ search: (old) => ({ ...old, ...change }), replace: true });
  const list = useQuery({
    ...asking("listProgress"),
    refetchInterval: 3000,
  });
  const runs = list.data ?? [];
  const recipes = [...new Set(runs.map((r) => r.recipe))].toSorted();
  const shown = runs.filter(
    (r) =>
      (!place.state ||
        (place.state === "stuck"
          ? r.waiting > 0 || r.failed > 0
          : place.state === "imported"
            ? r.imported
            : r.state === place.state)) &&
      (!place.recipe || r.recipe === place.recipe),
  );
  return (
    <main>
      <div className="row spread">
        <h1>Runs</h1>
        <div className="row">
          <Link className="button" to="/studio/triggers">
            Triggers
          </Link>
          <ImportButton />
          <Link className="button primary" to="/studio/start" search={{}}>
            Start a run
          </Link>
        </div>
      </div>
      <div className="runs-filters">
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
          {list.data && `${shown.length} of ${runs.length}`}
        </span>
      </div>
      <Loaded query={list}>
        {() =>
          runs.length === 0 ? (
            <Empty title="No runs yet">
              <Link to="/studio/start" search={{}}>
                Start one
              </Link>
              , or import a file that somebody exported.
            </Empty>
          ) : shown.length === 0 ? (
            <Empty title="No run matches">
              <button
                className="button"
                onClick={() => go({ state: undefined, recipe: undefined })}
              >
                Show all runs
              </button>
            </Empty>
          ) : (
            <ul className="runs">
              {shown.map((r) => (
                <Run key={r.id} run={r} now={list.dataUpdatedAt} />
              ))}
            </ul>
          )
        }
      </Loaded>
    </main>
  );
}

const timeNames = {
  running: "Ends about",
  held: "So far",
  done: "Took",
  failed: "Failed after",
  cancelled: "Cancelled after",
} as const;

function Run({ run: r, now }: { run: RunProgress; now: number }) {
  const fraction = r.total ? Math.min(1, r.done / r.total) : 0;
  return (
    <li className="card run">
      <div className="run-head">
        <div>
          <Link to="/studio/experiments/$id/trace" params={{ id: r.id }} search={{}}>
            <b>{r.title}</b>
          </Link>{" "}
          {r.imported && <Badge tone="warn">imported</Badge>}
          <p className="small quiet">
            {r.recipe}, {r.id}, started {when(r.startedAt)}
          </p>
        </div>
        <div className="row">
          <Badge tone={stateTone[r.state]}>{r.state}</Badge>
          <HoldButton run={r} />
        </div>
      </div>
      {!r.imported && (
        <div className="run-facts small num">
          <div>
            <span className="quiet">Progress</span>
            <Meter label={`Progress of ${r.title}`} done={fraction} total={1} />
            <span>
              {Math.round(100 * fraction)} % of {compact(Math.round(r.total)) || "0"} known parts
              {r.failed > 0 && <span className="run-bad">, {r.failed} failed</span>}
            </span>
          </div>
          <div title={r.basis}>
            <span className="quiet">{timeNames[r.state]}</span>
            <b>
              {r.state === "running"
                ? r.end
                  ? when(r.end)
                  : "not known"
                : span(60 * r.spent.minutes)}
            </b>
            {r.state === "running" && <span className="quiet">{r.basis}</span>}
          </div>
          <Spent
            name="Money"
            used={r.spent.money}
            most={r.budget.money}
            show={(x) => money(x) || "$0"}
          />
          <Spent
            name="Tokens"
            used={r.spent.tokens}
            most={r.budget.tokens}
            show={(x) => compact(x) || "0"}
          />
          <Spent
            name="Answers"
            used={r.spent.people}
            most={r.budget.people}
            show={(x) => compact(x) || "0"}
          />
          {r.budget.minutes !== undefined && (
            <Spent
              name="Time"
              used={r.spent.minutes}
              most={r.budget.minutes}
              show={(x) => span(60 * x)}
            />
          )}
        </div>
      )}
      {r.error && <RunWords state={r.state} words={r.error} />}
      {r.waits.length > 0 && (
        <div className="run-waits small">
          <b>
            Waits in {r.waiting} {r.waiting === 1 ? "place" : "places"}
          </b>
          <ul>
            {r.waits.map((w) => (
              <li key={w.node}>
                <Link
                  to="/studio/experiments/$id/trace"
                  params={{ id: r.id }}
                  search={{ node: w.node }}
                >
                  {w.node.slice(r.id.length + 1) || w.name}
                </Link>{" "}
                for {w.what}, since {ago(w.since, now)}. <span className="quiet">{w.remedy}</span>
              </li>
            ))}
          </ul>
          {r.waiting > r.waits.length && (
            <Link
              to="/studio/experiments/$id/trace"
              params={{ id: r.id }}
              search={{ state: "waiting" }}
            >
              all {r.waiting} places
            </Link>
          )}
        </div>
      )}
    </li>
  );
}

function Spent({
  name,
  used,
  most,
  show,
}: {
  name: string;
  used: number;
  most: number | undefined;
  show: (x: number) => string;
}) {
  const over = most !== undefined && used >= most;
  return (
    <div>
      <span className="quiet">{name}</span>
      {most !== undefined && <Meter label={`${name} used`} done={used} total={most} />}
      <span className={over ? "run-bad" : ""}>
        {show(used)}
        {most === undefined ? "" : ` of ${show(most)}`}
      </span>
    </div>
  );
}

/** Takes an exported run in and goes to it. */
function ImportButton() {
  const picker = useRef<HTMLInputElement>(null);
  const navigate = useNavigate();
  const client = useQueryClient();
  const taking = useMutation({
    mutationFn: importFile,
    onSuccess: async ({ experiment }) => {
      await client.invalidateQueries({ queryKey: keyOf("listProgress") });
      await navigate({
        to: "/studio/experiments/$id/trace",
        params: { id: experiment },
        search: {},
      });
    },
  });
  return (
    <>
      {taking.error && (
        <span role="alert" className="small run-bad">
          {taking.error.message}
        </span>
      )}
      <input
        ref={picker}
        type="file"
        accept=".html"
        hidden
        aria-label="Exported run"
        onChange={(e) => {
          const file = e.target.files?.[0];
          if (file) taking.mutate(file);
          e.target.value = "";
        }}
      />
      <button
        className="button"
        disabled={taking.isPending}
        onClick={() => picker.current?.click()}
      >
        {taking.isPending ? "Importing…" : "Import a file"}
      </button>
    </>
  );
}
