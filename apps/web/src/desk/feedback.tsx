/** What researchers wrote to this person about their answers, where they decided otherwise, and the person's replies. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { movesOf, type Thread, type ThreadAction, type ThreadState } from "@tiller/schema";
import { api, asking, keyOf, type Reply } from "../api.ts";
import { Badge, Card, Loaded, when } from "../design/components.tsx";

const states: Record<ThreadState, { name: string; tone?: "good" | "warn" }> = {
  open: { name: "open", tone: "warn" },
  replied: { name: "replied", tone: "warn" },
  resolved: { name: "resolved", tone: "good" },
  upheld: { name: "you were right", tone: "good" },
  declined: { name: "stays as it was" },
  withdrawn: { name: "withdrawn" },
};

export function FeedbackCard() {
  const feedback = useQuery(asking("listFeedback"));
  return (
    <Card title="Feedback on my answers">
      <Loaded query={feedback}>
        {(data) =>
          data.threads.length + data.settled.length === 0 ? (
            <p className="quiet">
              None yet. What researchers write about your answers appears here.
            </p>
          ) : (
            <ul className="threads">
              {data.threads.map((t) => (
                <ThreadRow key={t.id} thread={t} />
              ))}
              {data.settled
                .filter((s) => !data.threads.some((t) => t.answer === s.answer))
                .map((s) => (
                  <SettledRow key={s.answer} settled={s} />
                ))}
            </ul>
          )
        }
      </Loaded>
    </Card>
  );
}

/** Sends, then shows what came of it. */
function useSend<T>(send: (sent: T) => Promise<unknown>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: send,
    onSuccess: () => client.invalidateQueries({ queryKey: keyOf("listFeedback") }),
  });
}

function ThreadRow({ thread: t }: { thread: Thread }) {
  const [text, setText] = useState("");
  const send = useSend((body: { action: ThreadAction; text: string }) =>
    api.answerFeedback({ id: t.id, body }),
  );
  const moves = movesOf(t, "rater");
  const { name, tone } = states[t.state];
  return (
    <li>
      <div className="row spread">
        <b>{t.title}</b>
        <Badge {...(tone ? { tone } : {})}>{name}</Badge>
      </div>
      {t.messages.map((m) => (
        <div key={m.seq} className={m.staff ? "reply" : ""}>
          {m.text && <p className="words">{m.text}</p>}
          <p className="quiet small">
            {m.staff ? m.by : "you"} · {when(m.at)}
          </p>
        </div>
      ))}
      {moves.length > 0 && (
        <form
          className="stack tight"
          onSubmit={(e) => {
            e.preventDefault();
            if (text.trim())
              send.mutate({ action: moves[0]!.action, text }, { onSuccess: () => setText("") });
          }}
        >
          <textarea
            rows={2}
            aria-label={`Your reply to “${t.title}”`}
            value={text}
            onChange={(e) => setText(e.target.value)}
          />
          <div className="row">
            {moves.map((m) => (
              <button
                key={m.action}
                type="button"
                className="button"
                disabled={send.isPending || (m.action === "reply" && !text.trim())}
                onClick={() =>
                  send.mutate({ action: m.action, text }, { onSuccess: () => setText("") })
                }
              >
                {m.label}
              </button>
            ))}
          </div>
        </form>
      )}
      <Trouble error={send.error} />
    </li>
  );
}

function SettledRow({ settled: s }: { settled: Reply<"listFeedback">["settled"][number] }) {
  const [text, setText] = useState("");
  const send = useSend((body: { answer: string; title: string; text: string }) =>
    api.giveFeedback({ body }),
  );
  return (
    <li>
      <div className="row spread">
        <b>{s.title}</b>
        <span className="quiet small">{when(s.at)}</span>
      </div>
      <p className="words">
        You said <code>{JSON.stringify(s.said)}</code>. A researcher decided{" "}
        <code>{JSON.stringify(s.decided)}</code>.
      </p>
      {s.reason && <p className="words reply">{s.reason}</p>}
      <details>
        <summary>I see it differently</summary>
        <form
          className="stack tight"
          onSubmit={(e) => {
            e.preventDefault();
            send.mutate({ answer: s.answer, title: s.title, text });
          }}
        >
          <textarea
            rows={3}
            aria-label="Why your answer was right"
            value={text}
            onChange={(e) => setText(e.target.value)}
          />
          <div className="row">
            <button className="button" type="submit" disabled={send.isPending || !text.trim()}>
              Ask for a second look
            </button>
          </div>
        </form>
      </details>
      <Trouble error={send.error} />
    </li>
  );
}
const Trouble = ({ error }: { error: Error | null }) =>
  error && (
    <p role="alert" className="over">
      {error.message}
    </p>
  );
