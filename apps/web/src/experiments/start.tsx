/** Starts an experiment: a workflow, its input by a form or as JSON, who answers, what it may use up. */
import { useMutation } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { z } from "zod";
import { Agents, type KnownWorkflow } from "@tiller/schema";
import { api } from "../api.ts";
import { Card } from "../design/components.tsx";
import { ChooseWorkflow } from "./choose.tsx";
import { checked, Limits, limitsOf, peopleAnswer, WhoAnswers } from "./given.tsx";
import { fieldsOf, InputForm } from "./input-form.tsx";
import "./experiments.css";

export const StartPlace = z.object({ workflow: z.string().optional().catch(undefined) });
const route = "/studio/start";

export function StartExperiment() {
  const { workflow } = StartPlace.parse(useSearch({ strict: false }));
  const navigate = useNavigate({ from: route });
  return (
    <ChooseWorkflow
      title="Start an experiment"
      back={
        <Link to="/studio/experiments" search={{}} className="small">
          Experiments
        </Link>
      }
      label="Workflow"
      name={workflow}
      choose={(name) => void navigate({ search: { workflow: name }, replace: true })}
    >
      {(chosen) => <Form key={chosen.name} workflow={chosen} />}
    </ChooseWorkflow>
  );
}

function Form({ workflow }: { workflow: KnownWorkflow }) {
  const navigate = useNavigate();
  const schema = useMemo(() => z.fromJSONSchema(workflow.input), [workflow]);
  const fields = useMemo(() => fieldsOf(workflow.input), [workflow]);
  const [byForm, setByForm] = useState(fields !== undefined);
  const [input, setInput] = useState<unknown>(() =>
    Object.fromEntries(
      (fields ?? []).flatMap((f) => (f.initial === undefined ? [] : [[f.name, f.initial]])),
    ),
  );
  const [text, setText] = useState("{}");
  const [agents, setAgents] = useState(peopleAnswer);
  const [budget, setBudget] = useState<Record<string, string>>({});
  const [seed, setSeed] = useState("1");
  const [touched, touch] = useState(false); // what is missing is no fault before anything is filled in
  const given = byForm ? JSON.stringify(input) : text;
  const checkedInput = checked(given, schema);
  const checkedAgents = checked(agents, Agents);
  const limits = limitsOf(budget);
  const starting = useMutation({
    mutationFn: () =>
      api.startExperiment({
        body: {
          workflow: workflow.name,
          input: JSON.parse(given) as unknown,
          agents: "value" in checkedAgents ? checkedAgents.value : {},
          budget: limits.data ?? {},
          seed: Number(seed),
        },
      }),
    onSuccess: ({ experiment }) =>
      navigate({ to: "/studio/experiments/$id/trace", params: { id: experiment }, search: {} }),
  });
  const wrong =
    "wrong" in checkedInput || "wrong" in checkedAgents || !limits.success || !/^-?\d+$/.test(seed);
  return (
    <form
      className="stack"
      onChange={() => touch(true)}
      onSubmit={(e) => {
        e.preventDefault();
        if (!wrong) starting.mutate();
      }}
    >
      <Card
        title="Input"
        aside={
          fields && (
            <button
              type="button"
              className="button plain small"
              onClick={() => {
                if (byForm) setText(JSON.stringify(input, undefined, 2));
                else if ("value" in checkedInput) setInput(JSON.parse(text));
                setByForm(!byForm);
              }}
            >
              {byForm ? "Write it as JSON" : "Fill in a form"}
            </button>
          )
        }
      >
        {byForm && fields ? (
          <InputForm fields={fields} value={input as Record<string, unknown>} change={setInput} />
        ) : (
          <label className="stack" style={{ gap: 4 }}>
            <span className="small">JSON that fits the workflow's input</span>
            <textarea
              rows={12}
              spellCheck={false}
              className="code"
              value={text}
              onChange={(e) => setText(e.target.value)}
            />
          </label>
        )}
        {touched && "wrong" in checkedInput && (
          <pre className="experiment-wrong small">{checkedInput.wrong}</pre>
        )}
      </Card>
      <WhoAnswers text={agents} change={setAgents} />
      <Limits typed={budget} change={setBudget}>
        <label className="stack" style={{ gap: 4 }}>
          <span className="small">Seed</span>
          <input inputMode="numeric" value={seed} onChange={(e) => setSeed(e.target.value)} />
        </label>
      </Limits>
      {starting.error && (
        <p role="alert" className="experiment-bad">
          {starting.error.message}
        </p>
      )}
      <div>
        <button className="button primary" disabled={wrong || starting.isPending}>
          Start {workflow.title}
        </button>
      </div>
    </form>
  );
}
