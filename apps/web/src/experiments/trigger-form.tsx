/** Makes a trigger: which workflow, what sets it off, what the experiment is given; and the ways that need none. */
import { useMutation } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { z } from "zod";
import { type Agents, InputSchema, type KnownWorkflow, own, type TriggerOn } from "@tiller/schema";
import { api } from "../api.ts";
import { Card } from "../design/components.tsx";
import { ChooseWorkflow } from "./choose.tsx";
import { checked, Limits, limitsOf } from "./given.tsx";
import { everybody, WhoAnswers, wrongAgents } from "./who-answers.tsx";
import "./experiments.css";

type Kind = TriggerOn extends infer O ? (O extends unknown ? keyof O : never) : never;
interface Way {
  readonly label: string;
  readonly field: string;
  readonly sample: string;
  readonly event: string;
}
const ways: { readonly [K in Kind]: Way } = {
  schedule: {
    label: "at set times",
    field: "Minute, hour, day, month, weekday; in UTC",
    sample: "0 6 * * MON",
    event: "the scheduled time",
  },
  dataset: {
    label: "with a new version of a dataset",
    field: "Name of the dataset",
    sample: "verdicts",
    event: "the id of the version",
  },
  checkpoint: {
    label: "when a model is saved",
    field: "Name that the model is saved under",
    sample: "policy",
    event: "the id of the model",
  },
};
const kinds = Object.keys(ways) as Kind[];

export function NewTriggerPage() {
  const [name, setName] = useState<string>();
  return (
    <ChooseWorkflow
      title="New trigger"
      back={
        <Link to="/studio/triggers" className="small">
          Triggers
        </Link>
      }
      label="Workflow that it starts"
      name={name}
      choose={setName}
    >
      {(chosen) => (
        <>
          <Form key={chosen.name} workflow={chosen} />
          <Otherwise workflow={chosen} />
        </>
      )}
    </ChooseWorkflow>
  );
}

/** An input to begin with: texts that are needed, the rest by its defaults. */
function inputSample(w: KnownWorkflow, text: string): Record<string, unknown> {
  const { properties = {}, required = [] } = InputSchema.parse(w.input);
  const texts = required.filter((name) => {
    const of = own(properties, name);
    return of?.type === "string" && of.default === undefined;
  });
  return Object.fromEntries(texts.map((name) => [name, text]));
}

function Form({ workflow }: { workflow: KnownWorkflow }) {
  const navigate = useNavigate();
  const [name, setName] = useState("");
  const [kind, setKind] = useState<Kind>("schedule");
  const [on, setOn] = useState("");
  const [input, setInput] = useState(() =>
    JSON.stringify(inputSample(workflow, "$event"), undefined, 2),
  );
  const [agents, setAgents] = useState<Agents>(everybody);
  const [typed, setTyped] = useState<Record<string, string>>({});
  const way = ways[kind];
  const given = checked(input, z.unknown());
  const limits = limitsOf(typed);
  const wrong =
    "wrong" in given || wrongAgents(agents) !== undefined || !limits.success || !name || !on.trim();
  const making = useMutation({
    mutationFn: () =>
      api.addTrigger({
        body: {
          name,
          workflow: workflow.name,
          input: JSON.parse(input) as unknown,
          agents,
          budget: limits.data ?? {},
          on: { [kind]: on.trim() } as TriggerOn, // of one key, which `kind` names
        },
      }),
    onSuccess: () => navigate({ to: "/studio/triggers" }),
  });
  return (
    <form
      className="stack"
      onSubmit={(e) => {
        e.preventDefault();
        if (!wrong) making.mutate();
      }}
    >
      <Card title="What sets it off">
        <label className="stack" style={{ gap: 4 }}>
          <span className="small">Name of the trigger: lower-case words with hyphens</span>
          <input value={name} placeholder="weekly" onChange={(e) => setName(e.target.value)} />
        </label>
        <fieldset className="trigger-on row">
          <legend className="small">It fires</legend>
          {kinds.map((k) => (
            <label key={k} className="row" style={{ gap: 4 }}>
              <input
                type="radio"
                name="on"
                style={{ width: "auto" }}
                checked={kind === k}
                onChange={() => {
                  setKind(k);
                  setOn("");
                }}
              />
              {ways[k].label}
            </label>
          ))}
        </fieldset>
        <label className="stack" style={{ gap: 4 }}>
          <span className="small">{way.field}</span>
          <input value={on} placeholder={way.sample} onChange={(e) => setOn(e.target.value)} />
        </label>
      </Card>
      <Card title="Input">
        <label className="stack" style={{ gap: 4 }}>
          <span className="small">
            JSON that fits the workflow's input. <code>"$event"</code> stands for {way.event}.
          </span>
          <textarea
            rows={8}
            spellCheck={false}
            className="code"
            value={input}
            onChange={(e) => setInput(e.target.value)}
          />
        </label>
        {"wrong" in given && <pre className="experiment-wrong small">{given.wrong}</pre>}
      </Card>
      <WhoAnswers agents={agents} change={setAgents} />
      <Limits typed={typed} change={setTyped} />
      {making.error && (
        <p role="alert" className="experiment-bad" style={{ whiteSpace: "pre-wrap" }}>
          {making.error.message}
        </p>
      )}
      <div>
        <button className="button primary" disabled={wrong || making.isPending}>
          Make the trigger
        </button>
      </div>
    </form>
  );
}

/** Experiments of the same workflow that no trigger is needed for. */
function Otherwise({ workflow }: { workflow: KnownWorkflow }) {
  const body = JSON.stringify({ workflow: workflow.name, input: inputSample(workflow, "...") });
  return (
    <Card title="Without a trigger">
      <dl className="trigger-ways small">
        <dt>By hand</dt>
        <dd>
          <Link to="/studio/start" search={{ workflow: workflow.name }}>
            Start an experiment
          </Link>{" "}
          here, or <code>npm run tiller -- experiment start {workflow.name}</code>.
        </dd>
        <dt>From a program</dt>
        <dd className="stack" style={{ gap: 8 }}>
          <span>
            Over HTTP with an API key, which <code>npm start</code> prints (
            <a href="/api/docs">the whole API</a>):
          </span>
          <pre className="trigger-call">
            {`curl -X POST ${location.origin}/api/studio/experiments \\
  -H "authorization: Bearer $TILLER_KEY" -H "content-type: application/json" \\
  -H "idempotency-key: one-of-your-own" -d '${body}'`}
          </pre>
        </dd>
      </dl>
    </Card>
  );
}
