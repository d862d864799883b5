/** Starts an experiment, anew or with the settings of an earlier one: input, who answers, name, limits, and what it will cost. */
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { z } from "zod";
import { type Agents, type Experiment, InputSchema, type KnownWorkflow } from "@tiller/schema";
import { api, asking } from "../api.ts";
import { Card, Loaded } from "../design/components.tsx";
import { ChooseWorkflow } from "./choose.tsx";
import { Cost, useForecast } from "./cost.tsx";
import { checked, Limits, limitsOf } from "./given.tsx";
import { InputForm, problemsOf } from "./input-form.tsx";
import { tagsOf } from "./labels.tsx";
import { everybody, WhoAnswers, wrongAgents } from "./who-answers.tsx";
import "./experiments.css";

export const StartPlace = z.object({
  workflow: z.string().optional().catch(undefined),
  /** the experiment whose settings it begins with */
  from: z.string().optional().catch(undefined),
});
const route = "/studio/start";

/** An experiment with its input, which is asked for by itself where it is large. */
async function startedAs(id: string): Promise<Experiment> {
  const experiment = await api.getExperiment({ id });
  if (Object.keys(experiment.config).length) return experiment;
  const root = await api.traceNode({ experiment: id, id });
  const input = root.large.some((l) => l.part === "input")
    ? JSON.parse(
        await new Response(await api.tracePart({ experiment: id, id, part: "input" })).text(),
      )
    : root.input;
  return { ...experiment, config: input as Experiment["config"] };
}

export function StartExperiment() {
  const { workflow, from } = StartPlace.parse(useSearch({ strict: false }));
  const navigate = useNavigate({ from: route });
  const earlier = useQuery({
    queryKey: ["startedAs", from],
    queryFn: () => startedAs(from!),
    enabled: from !== undefined,
    staleTime: Infinity,
  });
  const known = useQuery(asking("listWorkflows"));
  const wanted = workflow ?? earlier.data?.recipe;
  const name =
    wanted && (known.data?.find((w) => w.name === wanted)?.name ?? newest(known.data, wanted));
  const form = (begin: Experiment | undefined) => (
    <ChooseWorkflow
      title={begin ? "Run again" : "Start an experiment"}
      back={
        <Link to="/studio/experiments" search={{}} className="small">
          Experiments
        </Link>
      }
      label="Workflow"
      name={name}
      choose={(chosen) => void navigate({ search: { workflow: chosen }, replace: true })}
    >
      {(chosen) => (
        <>
          {begin && (
            <p className="quiet">
              With the settings of{" "}
              <Link to="/studio/experiments/$id" params={{ id: begin.id }}>
                {begin.title}
              </Link>{" "}
              ({begin.id}).{" "}
              {begin.recipe !== chosen.name &&
                `It was ${begin.recipe}, which this server does not have: what the form says is for ${chosen.name}.`}
            </p>
          )}
          <Form key={`${chosen.name} ${begin?.id ?? ""}`} workflow={chosen} begin={begin} />
        </>
      )}
    </ChooseWorkflow>
  );
  if (from === undefined) return form(undefined);
  return earlier.data ? (
    form(earlier.data)
  ) : (
    <main>
      <Loaded query={earlier}>{() => null}</Loaded>
    </main>
  );
}
/** The same workflow in another version, where the one that is meant is not there. */
const newest = (all: readonly KnownWorkflow[] | undefined, name: string): string | undefined =>
  all?.findLast((w) => w.name.split("@")[0] === name.split("@")[0])?.name;

function Form({ workflow, begin }: { workflow: KnownWorkflow; begin: Experiment | undefined }) {
  const navigate = useNavigate();
  const schema = useMemo(() => InputSchema.parse(workflow.input), [workflow]);
  const check = useMemo(() => z.fromJSONSchema(workflow.input), [workflow]);
  const [byForm, setByForm] = useState(true);
  const [input, setInput] = useState<unknown>(begin?.config ?? {});
  const [text, setText] = useState("{}");
  const [agents, setAgents] = useState<Agents>(
    begin && Object.keys(begin.agents).length ? begin.agents : everybody,
  );
  const [budget, setBudget] = useState<Record<string, string>>(() =>
    Object.fromEntries(Object.entries(begin?.budget ?? {}).map(([k, v]) => [k, String(v)])),
  );
  const [seed, setSeed] = useState(String(begin?.seed ?? 1));
  const [title, setTitle] = useState("");
  const [note, setNote] = useState("");
  const [tags, setTags] = useState(begin?.tags.join(", ") ?? "");
  const [touched, touch] = useState<ReadonlySet<string>>(new Set());
  const [sent, setSent] = useState(false);

  const asJson = checked(text, z.unknown());
  const given = byForm ? input : "value" in asJson ? asJson.value : undefined;
  const problems = useMemo(() => problemsOf(schema, check, given), [schema, check, given]);
  const limits = limitsOf(budget);
  const agentsWrong = wrongAgents(agents);
  const seedWrong = !/^-?\d{1,15}$/.test(seed);
  const wrong = [
    ...(problems.size ? [`${problems.size} of the input`] : []),
    ...(agentsWrong ? [agentsWrong] : []),
    ...(limits.success ? [] : ["a limit that is no number"]),
    ...(seedWrong ? ["the seed, which is a whole number"] : []),
    ...("wrong" in asJson && !byForm ? ["the JSON"] : []),
  ];
  const forecast = useForecast(workflow.name, problems.size ? undefined : given);
  const starting = useMutation({
    mutationFn: () =>
      api.startExperiment({
        body: {
          workflow: workflow.name,
          input: given,
          agents,
          budget: limits.data ?? {},
          seed: Number(seed),
          ...(title.trim() && { title: title.trim() }),
          ...(note.trim() && { note: note.trim() }),
          tags: tagsOf(tags),
        },
      }),
    onSuccess: ({ experiment }) =>
      navigate({ to: "/studio/experiments/$id", params: { id: experiment } }),
  });
  return (
    <form
      className="stack"
      noValidate
      onSubmit={(e) => {
        e.preventDefault();
        setSent(true);
        if (!wrong.length) starting.mutate();
      }}
    >
      <Card
        title="Input"
        aside={
          <button
            type="button"
            className="button plain small"
            onClick={() => {
              if (byForm) setText(JSON.stringify(input, undefined, 2));
              else if ("value" in asJson) setInput(asJson.value);
              setByForm(!byForm);
            }}
          >
            {byForm ? "Write it as JSON" : "Fill in a form"}
          </button>
        }
      >
        {byForm ? (
          <InputForm
            form={{
              root: schema,
              problems,
              isTouched: (path) => sent || touched.has(path),
              touch: (path) => touch((old) => (old.has(path) ? old : new Set([...old, path]))),
            }}
            value={input}
            change={setInput}
          />
        ) : (
          <label className="stack" style={{ gap: 4 }}>
            <span className="small">JSON that fits the workflow's input</span>
            <textarea
              rows={12}
              spellCheck={false}
              className="code"
              value={text}
              onChange={(e) => setText(e.target.value)}
              onBlur={() => touch(new Set([""]))}
            />
          </label>
        )}
        {!byForm && (sent || touched.size > 0) && (
          <pre className="experiment-wrong small">
            {"wrong" in asJson
              ? asJson.wrong
              : [...problems].map(([at, what]) => `${at || "the input"}: ${what}`).join("\n")}
          </pre>
        )}
      </Card>
      <WhoAnswers
        agents={agents}
        change={setAgents}
        asked={forecast.data?.asks?.map((a) => a.kind) ?? []}
      />
      <Card title="What it is called">
        <div className="start-labels">
          <label className="stack" style={{ gap: 4 }}>
            <span className="small">Name</span>
            <input
              value={title}
              maxLength={200}
              placeholder={begin?.title ?? workflow.title}
              onChange={(e) => setTitle(e.target.value)}
            />
          </label>
          <label className="stack" style={{ gap: 4 }}>
            <span className="small">Tags, with commas between</span>
            <input value={tags} onChange={(e) => setTags(e.target.value)} />
          </label>
          <label className="stack" style={{ gap: 4 }}>
            <span className="small">Seed</span>
            <input inputMode="numeric" value={seed} onChange={(e) => setSeed(e.target.value)} />
          </label>
          <label className="stack wide" style={{ gap: 4 }}>
            <span className="small">Note: what it is to find out</span>
            <textarea
              rows={2}
              maxLength={4000}
              value={note}
              onChange={(e) => setNote(e.target.value)}
            />
          </label>
        </div>
      </Card>
      <Limits typed={budget} change={setBudget} />
      <Cost workflow={workflow.name} forecast={forecast} agents={agents} fits={!problems.size} />
      {sent && wrong.length > 0 && (
        <p role="alert" className="experiment-bad">
          It cannot be started yet: {wrong.join("; ")}.
        </p>
      )}
      {starting.error && (
        <p role="alert" className="experiment-bad" style={{ whiteSpace: "pre-wrap" }}>
          {starting.error.message}
        </p>
      )}
      <div>
        <button className="button primary" disabled={starting.isPending}>
          Start {workflow.title}
        </button>
      </div>
    </form>
  );
}
