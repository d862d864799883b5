/** Who answers: people, programs in their place, or models, for everything and for single kinds of work. */
import { useQuery } from "@tanstack/react-query";
import { useId } from "react";
import type { Agents, AgentSpec, ExperimentId } from "@tiller/schema";
import { asking } from "../api.ts";
import { Card } from "../design/components.tsx";

type Kind = AgentSpec["kind"] | "demonstration";
const ways: { readonly [K in Kind]: { readonly label: string; readonly begin: AgentSpec } } = {
  people: { label: "people", begin: { kind: "people" } },
  demonstration: {
    label: "people and this home's simulated raters (a demonstration)",
    begin: { kind: "people", simulated: true },
  },
  simulated: {
    label: "simulated people, in moments (a trial)",
    begin: { kind: "simulated", skill: 0.8 },
  },
  model: { label: "a model", begin: { kind: "model", model: "" } },
  draft: { label: "people, with a model's draft", begin: { kind: "draft", model: "" } },
  approval: { label: "a model, with a person's approval", begin: { kind: "approval", model: "" } },
  replay: {
    label: "as in an earlier experiment",
    begin: { kind: "replay", experiment: "" as ExperimentId }, // filled in beside it
  },
};
const kindOf = (a: AgentSpec): Kind =>
  a.kind === "people" && a.simulated ? "demonstration" : a.kind;
const ALL = "*";
export const everybody: Agents = { [ALL]: { kind: "people" } };

/** What is missing in it, in words. */
export function wrongAgents(agents: Agents): string | undefined {
  for (const [task, a] of Object.entries(agents)) {
    const of = task === ALL ? "" : ` for ${task}`;
    if ("model" in a && !a.model.trim()) return `Name the model that answers${of}.`;
    if (a.kind === "replay" && !a.experiment)
      return `Name the experiment whose answers count${of}.`;
    if (a.kind === "simulated" && !(a.skill >= 0 && a.skill <= 1))
      return `The skill of simulated people${of} is between 0 and 1.`;
  }
  return undefined;
}

export function WhoAnswers({
  agents,
  change,
  asked = [],
}: {
  agents: Agents;
  change: (agents: Agents) => void;
  /** kinds of work that are known to be asked */
  asked?: readonly string[];
}) {
  const tasks = useQuery({ ...asking("listTasks"), staleTime: Infinity });
  const names = [
    ...new Set([...asked, ...(tasks.data?.tasks ?? []).map((t) => t.key.split("@")[0]!)]),
  ].filter((n) => !Object.hasOwn(agents, n));
  const rows = Object.entries({ ...everybody, ...agents });
  const put = (task: string, spec: AgentSpec) => change({ ...everybody, ...agents, [task]: spec });
  return (
    <Card title="Who answers">
      <div className="who-answers">
        {rows.map(([task, spec]) => (
          <One
            key={task}
            task={task}
            spec={spec}
            put={(s) => put(task, s)}
            remove={() => change(Object.fromEntries(rows.filter(([t]) => t !== task)))}
          />
        ))}
      </div>
      {names.length > 0 && (
        <label className="row small">
          <span className="quiet">Someone else for one kind of work</span>
          <select value="" onChange={(e) => put(e.target.value, { kind: "people" })}>
            <option value="">choose…</option>
            {names.map((n) => (
              <option key={n}>{n}</option>
            ))}
          </select>
        </label>
      )}
    </Card>
  );
}

function One({
  task,
  spec,
  put,
  remove,
}: {
  task: string;
  spec: AgentSpec;
  put: (s: AgentSpec) => void;
  remove: () => void;
}) {
  const about = task === ALL ? "Everything" : task;
  return (
    <div className="who-answers-row">
      <label className="stack" style={{ gap: 4 }}>
        <span className="small">{task === ALL ? "Everything is answered by" : `${task}, by`}</span>
        <select
          value={kindOf(spec)}
          aria-label={`Who answers ${about.toLowerCase()}`}
          onChange={(e) => put(ways[e.target.value as Kind].begin)}
        >
          {Object.entries(ways).map(([kind, { label }]) => (
            <option key={kind} value={kind}>
              {label}
            </option>
          ))}
        </select>
      </label>
      {"model" in spec && <ModelName name={spec.model} set={(model) => put({ ...spec, model })} />}
      {spec.kind === "simulated" && (
        <label className="stack" style={{ gap: 4 }}>
          <span className="small">How often they are right, 0 to 1</span>
          <input
            type="number"
            min={0}
            max={1}
            step={0.05}
            value={spec.skill}
            onChange={(e) => put({ ...spec, skill: Number(e.target.value) })}
          />
        </label>
      )}
      {spec.kind === "replay" && (
        <EarlierExperiment
          id={spec.experiment}
          set={(id) => put({ kind: "replay", experiment: id as ExperimentId })}
        />
      )}
      {task !== ALL && (
        <button
          type="button"
          className="button plain small"
          aria-label={`Remove ${task}`}
          onClick={remove}
        >
          Remove
        </button>
      )}
    </div>
  );
}

function ModelName({ name, set }: { name: string; set: (name: string) => void }) {
  const listed = useQuery(asking("listModels"));
  const served = useQuery(asking("listServed"));
  const id = useId();
  const names = new Set([
    ...(listed.data?.models ?? []).map((m) => m.name),
    ...(served.data ?? []).filter((m) => m.served !== null).map((m) => m.name),
  ]);
  return (
    <label className="stack" style={{ gap: 4 }}>
      <span className="small">Model, of models.json or served here</span>
      <input list={id} value={name} onChange={(e) => set(e.target.value)} />
      <datalist id={id}>
        {[...names].map((n) => (
          <option key={n}>{n}</option>
        ))}
      </datalist>
    </label>
  );
}

function EarlierExperiment({ id: value, set }: { id: string; set: (id: string) => void }) {
  const list = useQuery(asking("listExperiments"));
  const id = useId();
  return (
    <label className="stack" style={{ gap: 4 }}>
      <span className="small">Experiment</span>
      <input list={id} value={value} onChange={(e) => set(e.target.value)} />
      <datalist id={id}>
        {(list.data ?? []).map((e) => (
          <option key={e.id} value={e.id}>
            {e.title}
          </option>
        ))}
      </datalist>
    </label>
  );
}
