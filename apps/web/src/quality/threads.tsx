/** Notes, feedback and disputes: a list, a thread, the buttons that its state allows. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import {
  movesOf,
  type OpenThread,
  type Thread,
  type ThreadAction,
  type ThreadState,
} from "@tiller/schema";
import { api, asking, keyOf } from "../api.ts";
import { Badge, Empty, Failed, Loaded, when } from "../design/components.tsx";
import { LookAtAnswer } from "../task/as-seen.tsx";
import { Page } from "./parts.tsx";

const tone = {
  open: "warn",
  replied: "warn",
  resolved: "good",
  upheld: "good",
  declined: undefined,
  withdrawn: undefined,
} as const;

const stateNames: Record<ThreadState, string> = {
  open: "open",
  replied: "replied",
  resolved: "resolved",
  upheld: "the rater was right",
  declined: "stays as it was",
  withdrawn: "withdrawn",
};

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
export function ThreadView({
  thread: t,
  as,
  isNew = false,
}: {
  thread: Thread;
  as: "rater" | "staff";
  isNew?: boolean;
}) {
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
          {isNew && <Badge tone="warn">new</Badge>}
          <Badge tone={tone[t.state]}>{stateNames[t.state]}</Badge>
        </span>
      </div>
      {t.answer !== null && (
        <LookAtAnswer
          answer={t.answer}
          label={as === "rater" ? "The task and your answer" : "The task and the answer"}
        />
      )}
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
