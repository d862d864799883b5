/** Notes, feedback and disputes: a list, a thread, the buttons that its state allows; and the rater's side of it. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import {
  type DeskFeedback,
  movesOf,
  type OpenThread,
  type Thread,
  type ThreadAction,
} from "@tiller/schema";
import { api, asking, keyOf } from "../api.ts";
import { Badge, Card, Empty, Failed, Loaded, when } from "../design/components.tsx";
import { InputTexts, Page, short } from "./parts.tsx";

const tone = {
  open: "warn",
  replied: "warn",
  resolved: "good",
  upheld: "good",
  declined: undefined,
  withdrawn: undefined,
} as const;

export function ThreadsPage() {
  const [all, showAll] = useState(false);
  const list = useQuery({
    ...asking("listThreads", all ? {} : { states: "open,replied" }),
    refetchInterval: 10_000,
  });
  return (
    <Page
      title="Threads"
      aside={
        <button className="button" onClick={() => showAll(!all)}>
          {all ? "Only open ones" : "Closed ones too"}
        </button>
      }
    >
      <Loaded
        query={list}
        empty={
          <Empty title="Nothing waits">
            Notes and feedback are written on a rater's page; disputes come from raters.
          </Empty>
        }
      >
        {(data) => data.map((t) => <ThreadView key={t.id} thread={t} as="staff" />)}
      </Loaded>
    </Page>
  );
}

/** A thread with what may be done with it; `as` says on whose side we are. */
export function ThreadView({ thread: t, as }: { thread: Thread; as: "rater" | "staff" }) {
  const client = useQueryClient();
  const [text, setText] = useState("");
  const [expected, setExpected] = useState("");
  const gold = useQuery(
    asking(
      "getGold",
      as === "staff" && t.gold !== null && t.kind === "dispute" ? { id: t.gold } : undefined,
    ),
  );
  const act = useMutation({
    mutationFn: (action: ThreadAction) => {
      const known = action === "uphold" && expected;
      const body = {
        action,
        text,
        ...(known ? { expected: JSON.parse(expected) as Record<string, unknown> } : {}),
      };
      return api[as === "staff" ? "answerThread" : "answerFeedback"]({ id: t.id, body });
    },
    onSuccess: async () => {
      setText("");
      await Promise.all(
        (["listThreads", "listFeedback", "getGold", "listGold"] as const).map((name) =>
          client.invalidateQueries({ queryKey: keyOf(name) }),
        ),
      );
    },
  });
  const moves = movesOf(t, as);
  return (
    <article className="card stack">
      <div className="row spread">
        <h2>{t.title}</h2>
        <span className="row">
          <span className="quiet small">
            {t.kind}
            {as === "staff" && t.pseudonym && ` about ${t.pseudonym}`}
          </span>
          <Badge tone={tone[t.state]}>{t.state}</Badge>
        </span>
      </div>
      <ul className="thread-messages">
        {t.messages.map((m) => (
          <li key={m.seq} className={m.staff ? "staff" : ""}>
            <span className="quiet small">
              {m.by}, {when(m.at)}
              {m.action !== "open" && m.action !== "reply" && `: ${m.action}`}
            </span>
            {m.text && <div>{m.text}</div>}
          </li>
        ))}
      </ul>
      {moves.length > 0 && (
        <div className="form">
          <label>
            {as === "rater" ? "Your words" : t.kind === "note" ? "More, for staff" : "To the rater"}
            <textarea rows={2} value={text} onChange={(e) => setText(e.target.value)} />
          </label>
          {gold.data && moves.some((m) => m.action === "uphold") && (
            <label>
              The gold is {JSON.stringify(gold.data.gold.expected)}; if the rater is right, make it
              <input
                className="json"
                placeholder='{"choice":"a"} or empty: leave it'
                value={expected}
                onChange={(e) => setExpected(e.target.value)}
              />
            </label>
          )}
          {act.error && <Failed error={act.error} />}
          <div className="row">
            {moves.map((m, i) => (
              <button
                key={m.action}
                className={`button ${i === 0 ? "primary" : ""}`}
                disabled={act.isPending || (m.action === "reply" && !text.trim())}
                onClick={() => act.mutate(m.action)}
              >
                {m.label}
              </button>
            ))}
          </div>
        </div>
      )}
    </article>
  );
}

/** Opens a note or feedback about somebody or something. */
export function NewThread({
  about,
  kinds,
}: {
  about: Pick<OpenThread, "about" | "answer" | "task" | "gold">;
  kinds: readonly ("note" | "feedback")[];
}) {
  const client = useQueryClient();
  const [kind, setKind] = useState(kinds[0]!);
  const [title, setTitle] = useState("");
  const [text, setText] = useState("");
  const save = useMutation({
    mutationFn: () => api.openThread({ body: { ...about, kind, title, text } }),
    onSuccess: async () => {
      setTitle("");
      setText("");
      await client.invalidateQueries({ queryKey: keyOf("listThreads") });
    },
  });
  return (
    <form
      className="form"
      onSubmit={(e) => {
        e.preventDefault();
        save.mutate();
      }}
    >
      <label>
        Who reads it
        <select value={kind} onChange={(e) => setKind(e.target.value as typeof kind)}>
          {kinds.map((k) => (
            <option key={k} value={k}>
              {k === "note" ? "staff only (a note)" : "the rater too (feedback)"}
            </option>
          ))}
        </select>
      </label>
      <label>
        About
        <input required value={title} maxLength={200} onChange={(e) => setTitle(e.target.value)} />
      </label>
      <label>
        Text
        <textarea required rows={3} value={text} onChange={(e) => setText(e.target.value)} />
      </label>
      {save.error && <Failed error={save.error} />}
      <div>
        <button className="button" disabled={save.isPending || !title.trim() || !text.trim()}>
          Save
        </button>
      </div>
    </form>
  );
}

/** The rater's side: what staff wrote, and where a researcher settled a task otherwise. */
export function FeedbackPage() {
  const mine = useQuery({
    ...asking("listFeedback"),
    refetchInterval: 30_000,
  });
  return (
    <main>
      <h1>Feedback</h1>
      <Loaded query={mine}>
        {(data) =>
          data.threads.length + data.settled.length === 0 ? (
            <Empty title="No feedback yet">
              Words from the work lead appear here, and tasks that a researcher judged otherwise
              than you.
            </Empty>
          ) : (
            <>
              {data.threads.map((t) => (
                <ThreadView key={t.id} thread={t} as="rater" />
              ))}
              {data.settled.map((s) => (
                <Settled
                  key={s.answer}
                  s={s}
                  disputed={data.threads.some((t) => t.answer === s.answer)}
                />
              ))}
            </>
          )
        }
      </Loaded>
    </main>
  );
}

function Settled({ s, disputed }: { s: DeskFeedback["settled"][number]; disputed: boolean }) {
  const client = useQueryClient();
  const [open, setOpen] = useState(false);
  const [text, setText] = useState("");
  const dispute = useMutation({
    mutationFn: () =>
      api.giveFeedback({
        body: { answer: s.answer, title: `${s.title}: I see it otherwise`.slice(0, 200), text },
      }),
    onSuccess: () => client.invalidateQueries({ queryKey: keyOf("listFeedback") }),
  });
  return (
    <Card title={s.title} aside={<span className="quiet small">{when(s.at)}</span>}>
      <InputTexts input={s.input} />
      <p>
        You said <b>{short(s.said)}</b>. A researcher says <b>{short(s.decided)}</b>: {s.reason}
      </p>
      {!disputed &&
        (open ? (
          <form
            className="form"
            onSubmit={(e) => {
              e.preventDefault();
              dispute.mutate();
            }}
          >
            <label>
              Why you see it otherwise
              <textarea required rows={3} value={text} onChange={(e) => setText(e.target.value)} />
            </label>
            {dispute.error && <Failed error={dispute.error} />}
            <div className="row">
              <button className="button primary" disabled={!text.trim() || dispute.isPending}>
                Send
              </button>
              <button type="button" className="button plain" onClick={() => setOpen(false)}>
                Cancel
              </button>
            </div>
          </form>
        ) : (
          <div>
            <button className="button" onClick={() => setOpen(true)}>
              I disagree
            </button>
          </div>
        ))}
    </Card>
  );
}
