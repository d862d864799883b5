/**
 * Kinds of work with sample data, as a rater meets them: in the studio, and on the page of `tiller task preview FILE`,
 * where it follows the file. The place (kind, sample, side, width) is in the address.
 */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { TaskPreview } from "@tiller/schema";
import { type Draft, initialValue, problemsOf } from "@tiller/task";
import { api, asking, keyOf } from "../api.ts";
import { base } from "../base.ts";
import { Card, Empty, Markdown, Missing, ThemeButton } from "../design/components.tsx";
import { TaskForm } from "./task-form.tsx";

interface Place {
  readonly kind: string | undefined;
  readonly sample: number;
  readonly swap: boolean;
  readonly phone: boolean;
}
function readPlace(): Place {
  const q = new URLSearchParams(location.search);
  return {
    kind: q.get("kind") ?? undefined,
    sample: Number(q.get("sample") ?? 0),
    swap: q.has("swap"),
    phone: q.has("phone"),
  };
}
function writePlace(p: Place): void {
  const q = new URLSearchParams();
  if (p.kind) q.set("kind", p.kind);
  if (p.sample) q.set("sample", String(p.sample));
  if (p.swap) q.set("swap", "");
  if (p.phone) q.set("phone", "");
  history.replaceState(history.state, "", `${location.pathname}?${q}`);
}

export function Previews() {
  const [place, setPlace] = useState(readPlace);
  const client = useQueryClient();
  const tasks = useQuery({
    ...asking("listTasks"),
    staleTime: Infinity,
  });
  const live = tasks.data?.live ?? false;
  useEffect(() => {
    if (!live) return;
    const events = new EventSource(`${base}/api/tasks/changes`);
    events.addEventListener("change", () => {
      void client.invalidateQueries({ queryKey: keyOf("listTasks") });
    });
    return () => events.close();
  }, [live, client]);
  if (!tasks.data) return <Missing query={tasks} />;
  const { error } = tasks.data;
  const go = (to: Partial<Place>) => {
    const next = { ...place, ...to };
    writePlace(next);
    setPlace(next);
  };
  const shown = tasks.data.tasks.find((t) => t.key === place.kind) ?? tasks.data.tasks[0];
  return (
    <>
      {error && (
        <section className="said" role="alert" data-testid="file-error">
          <b>
            {error.file}
            {error.line === null ? "" : `, line ${error.line}`}
          </b>
          <pre className="scroll">{error.message}</pre>
          {shown && <p className="small">Below is the file as it was before.</p>}
        </section>
      )}
      {tasks.data.tasks.length > 1 && (
        <nav className="kinds" aria-label="Kinds of work">
          {tasks.data.tasks.map((t) => (
            <button
              key={t.key}
              type="button"
              className="button"
              aria-current={t === shown ? "page" : undefined}
              onClick={() => go({ kind: t.key, sample: 0 })}
            >
              {t.key.replace(/@.*$/, "").replaceAll("-", " ")}
            </button>
          ))}
        </nav>
      )}
      {shown ? (
        <Preview key={JSON.stringify(shown)} task={shown} place={place} go={go} themed={live} />
      ) : (
        !error && <Empty title="There is no kind of work here">Export one with defineTask.</Empty>
      )}
    </>
  );
}

function Preview({
  task,
  place,
  go,
  themed,
}: {
  task: TaskPreview;
  place: Place;
  go: (to: Partial<Place>) => void;
  themed: boolean;
}) {
  const { view } = task;
  const sample = Math.min(place.sample, task.samples.length - 1);
  const { input, simulated } = task.samples[sample] ?? { input: {}, simulated: {} };
  const [value, setValue] = useState<Draft>(() => initialValue(view, input));
  const [run, setRun] = useState(0); // a new form for each start
  const [sent, setSent] = useState<Draft>();
  const [said, setSaid] = useState<readonly string[]>([]);
  const start = (draft: unknown, from: unknown = input) => {
    setValue(initialValue(view, from, draft));
    setSent(undefined);
    setSaid([]);
    setRun((n) => n + 1);
  };
  const submit = async (answer: Draft) => {
    try {
      const reply = await api.checkAnswer({ body: { key: task.key, sample, value: answer } });
      setSaid(reply.problems);
      setSent(reply.problems.length ? undefined : answer);
    } catch (e) {
      setSaid([(e as Error).message]);
    }
  };
  const lacks = problemsOf(view, input, value);
  return (
    <>
      <div className="row spread">
        <h1>{task.title}</h1>
        <div className="row">
          {task.samples.length > 1 && (
            <label className="row small quiet">
              Sample
              <select
                value={sample}
                onChange={(e) => {
                  const to = Number(e.target.value);
                  go({ sample: to });
                  start(undefined, task.samples[to]!.input);
                }}
              >
                {task.samples.map((_, i) => (
                  <option key={i} value={i}>
                    {i + 1}
                  </option>
                ))}
              </select>
            </label>
          )}
          <button type="button" className="button" onClick={() => start(simulated)}>
            Fill in
          </button>
          <button type="button" className="button" onClick={() => start(undefined)}>
            Start over
          </button>
          <button
            type="button"
            className="button"
            aria-pressed={place.swap}
            onClick={() => go({ swap: !place.swap })}
          >
            Other side first
          </button>
          <button type="button" className="button" onClick={() => go({ phone: !place.phone })}>
            {place.phone ? "Desktop" : "Phone"}
          </button>
          {themed && <ThemeButton />}
        </div>
      </div>
      {task.problems.length > 0 && (
        <div className="said" role="alert" data-testid="kind-problems">
          <ul>
            {task.problems.map((p) => (
              <li key={p}>{p}</li>
            ))}
          </ul>
        </div>
      )}
      <div className={`stage ${place.phone ? "phone" : ""}`}>
        <TaskForm
          key={run}
          view={view}
          input={input}
          swap={place.swap}
          value={value}
          onChange={(v) => {
            setValue(v);
            setSent(undefined);
          }}
          onSubmit={(v) => void submit(v)}
          problems={said}
        />
      </div>
      <div className="grid">
        <Card title={sent ? "The answer, sent" : "The answer so far"}>
          <pre className="json" data-testid={sent ? "sent" : "so-far"}>
            {JSON.stringify(sent ?? value, null, 2)}
          </pre>
          {lacks.length > 0 && (
            <ul className="small quiet lacks" aria-label="Still missing">
              {lacks.map((l) => (
                <li key={l}>{l}</li>
              ))}
            </ul>
          )}
        </Card>
        <Card title="Guidelines">
          <Markdown text={task.instructions} />
        </Card>
        <Card title="How answers are joined">
          <table>
            <tbody>
              {Object.entries(task.aggregate).map(([field, how]) => (
                <tr key={field}>
                  <th scope="row">{field}</th>
                  <td>{how === "none" ? "kept side by side" : how}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Card>
      </div>
    </>
  );
}

export const PreviewsPage = () => (
  <main className="previews">
    <Previews />
  </main>
);
