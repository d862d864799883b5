/** A newcomer's way in: consent, training with the researchers' choice and reason, the test, and where one stands. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { type Joining, type JoiningReply, own, type View } from "@tiller/schema";
import { type Draft, initialValue, inWords } from "@tiller/task";
import { api, asking } from "../api.ts";
import { Badge, Empty, Loaded, Meter } from "../design/components.tsx";
import { Markdown } from "../design/markdown.tsx";
import { TaskForm } from "../task/task-form.tsx";
import "./joining.css";

type Item = Extract<Joining, { step: "training" | "screening" }>;
const isItem = (at: Joining): at is Item => at.step === "training" || at.step === "screening";
type Told = { item: Item; value: Draft; told: NonNullable<JoiningReply["told"]> };

export function JoiningPage() {
  const at = useQuery(asking("ownJoining"));
  const [told, setTold] = useState<Told>();
  const again = async () => {
    await at.refetch();
  };
  return (
    <main className="joining">
      <Loaded query={at}>
        {(data) =>
          told ? (
            <Explained {...told} go={() => setTold(undefined)} />
          ) : data.step === "consent" ? (
            <Consent {...data} done={again} />
          ) : isItem(data) ? (
            <Question
              key={`${data.step} ${data.item}`}
              at={data}
              done={async (item, value, reply) => {
                if (reply.told) setTold({ item, value, told: reply.told });
                await again();
              }}
            />
          ) : (
            <>
              <h1>Joining</h1>
              <Standing at={data} />
            </>
          )
        }
      </Loaded>
    </main>
  );
}

function Consent(p: { title: string; consent: string; done: () => Promise<void> }) {
  const [error, setError] = useState<Error>();
  const send = (what: "consent" | "leave") => {
    (what === "consent" ? api.giveConsent() : api.leaveWork({ body: {} })).then(p.done, setError);
  };
  return (
    <section className="card stack">
      <h1>{p.title}</h1>
      <div className="read">
        <Markdown text={p.consent} />
      </div>
      {error && <p role="alert">{error.message}</p>}
      <div className="row">
        <button className="button primary" onClick={() => send("consent")}>
          I agree and want to begin
        </button>
        <button className="button" onClick={() => send("leave")}>
          No, thank you
        </button>
      </div>
    </section>
  );
}

function Question({
  at,
  done,
}: {
  at: Item;
  done: (item: Item, value: Draft, reply: JoiningReply) => Promise<void>;
}) {
  const view: View = at.view;
  const [value, setValue] = useState<Draft>(() => initialValue(view, at.input));
  const [sending, setSending] = useState(false);
  const [problems, setProblems] = useState<string[]>([]);
  const submit = async (answer: Draft) => {
    setSending(true);
    try {
      const body = { step: at.step, item: at.item, value: answer };
      await done(at, answer, await api.answerJoining({ body }));
    } catch (e) {
      setProblems([(e as Error).message]);
      setSending(false);
    }
  };
  return (
    <>
      <div className="stack">
        <div className="row spread">
          <h1>{at.title}</h1>
          <Badge tone={at.step === "screening" ? "warn" : "good"}>
            {at.step === "screening" ? "Test" : "Training"} {at.item + 1} of {at.of}
          </Badge>
        </div>
        <Meter done={at.item} total={at.of} label="Items done" />
        <p className="quiet">
          {at.step === "screening"
            ? "You see how it went at the end of the test."
            : "After each answer you see what the researchers chose, and why."}
        </p>
        <details>
          <summary>Guidelines</summary>
          <Markdown text={at.instructions} />
        </details>
      </div>
      <TaskForm
        view={view}
        input={at.input}
        swap={false}
        value={value}
        onChange={setValue}
        onSubmit={(v) => void submit(v)}
        problems={problems}
        disabled={sending}
      />
    </>
  );
}

function Explained({ item, value, told, go }: Told & { go: () => void }) {
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => button.current?.focus(), []);
  return (
    <section className="card stack" aria-live="polite">
      <div className="row">
        <Badge tone={told.right ? "good" : "warn"}>
          {told.right ? "As the researchers chose" : "The researchers chose otherwise"}
        </Badge>
      </div>
      <dl className="joining-compared">
        {Object.entries(told.expected).map(([name, expected]) => (
          <div key={name}>
            <dt>{item.view.ask.find((f) => f.name === name)?.label ?? name}</dt>
            <dd>
              You: <b>{inWords(item.view, item.input, name, own(value, name))}</b>
            </dd>
            <dd>
              Researchers: <b>{inWords(item.view, item.input, name, expected)}</b>
            </dd>
          </div>
        ))}
      </dl>
      <div className="read">
        <Markdown text={told.reason} />
      </div>
      <div className="row">
        <button ref={button} className="button primary" onClick={go}>
          Go on
        </button>
      </div>
    </section>
  );
}

function Standing({
  at,
}: {
  at: Extract<Joining, { step: "probation" | "done" | "failed" | "left" }> | { step: "none" };
}) {
  if (at.step === "none")
    return (
      <Empty title="There is nothing to go through">
        You can <Link to="/desk">start at the desk</Link>.
      </Empty>
    );
  const result = at.of
    ? `You had ${at.right} of ${at.of} right; ${Math.ceil(at.bar * at.of - 1e-9)} were needed.`
    : "";
  if (at.step === "left")
    return (
      <Empty title="You have left">
        Nothing more is sent to you. Talk to the work lead to come back.
      </Empty>
    );
  if (at.step === "failed")
    return (
      <Empty title="Thank you. This work does not seem to be the right one">
        {result} The work lead has been told and may talk it over with you.
      </Empty>
    );
  return (
    <Empty title={at.step === "probation" ? "You passed. Welcome" : "You are one of us"}>
      <p>{result}</p>
      {at.step === "probation" && (
        <p>
          At first some of your tasks have a known answer, and the work lead looks at how it goes.
        </p>
      )}
      <Link to="/desk" className="button primary">
        To the desk
      </Link>
    </Empty>
  );
}
