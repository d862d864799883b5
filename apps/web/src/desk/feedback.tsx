/** What was written to this person about their answers, where a researcher decided otherwise, and the person's replies. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import type { DeskFeedback } from "@tiller/schema";
import { api, asking, keyOf } from "../api.ts";
import { Badge, Card, Empty, Failed, Loaded, when } from "../design/components.tsx";
import { ThreadView } from "../quality/threads.tsx";
import { useNotices } from "../shell/notices.tsx";
import { answerInWords, AsSeen } from "../task/as-seen.tsx";

/** What this person has not seen: by when they last looked. */
const isNew = (at: string, { seenAt }: DeskFeedback) =>
  seenAt === null || Date.parse(at) > Date.parse(seenAt);
const newThreads = (f: DeskFeedback) =>
  f.threads.filter((t) => t.messages.some((m) => m.staff && isNew(m.at, f)));
const newSettled = (f: DeskFeedback) => f.settled.filter((s) => isNew(s.at, f));

/** Says that it was read; what comes later is new again. */
function useSeen() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (until: string) => api.seeFeedback({ body: { until } }),
    onSuccess: () => client.invalidateQueries({ queryKey: keyOf("notices") }),
  });
}

export function FeedbackPage() {
  const mine = useQuery({ ...asking("listFeedback"), refetchInterval: 30_000 });
  // as it was when the page was opened: what is new stays marked while one reads
  const [first, keepFirst] = useState<DeskFeedback>();
  if (mine.data && !first) keepFirst(mine.data);
  const { mutate: see } = useSeen();
  const at = mine.data?.at;
  useEffect(() => {
    if (at) see(at);
  }, [at, see]);
  const fresh = new Set(
    first ? [...newThreads(first).map((t) => t.id), ...newSettled(first).map((s) => s.answer)] : [],
  );
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
                <ThreadView key={t.id} thread={t} as="rater" isNew={fresh.has(t.id)} />
              ))}
              {data.settled.map((s) => (
                <Settled
                  key={s.answer}
                  s={s}
                  isNew={fresh.has(s.answer)}
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

/**
 * New feedback, when it is time to read it: before the next task, never in the middle of one. What comes while a task is
 * shown waits until that task is done.
 */
export function useFreshFeedback(lease: string | undefined): DeskFeedback | undefined {
  const notices = useNotices();
  const waits = (notices.data?.feedback ?? 0) > 0;
  const feedback = useQuery({ ...asking("listFeedback"), enabled: waits });
  const shown = useRef<string>(undefined); // the task that was there before any feedback
  useEffect(() => {
    if (notices.data && !waits) shown.current = lease;
  }, [notices.data, waits, lease]);
  const between = lease === undefined || shown.current !== lease;
  const found = feedback.data;
  return waits && between && found && newThreads(found).length + newSettled(found).length > 0
    ? found
    : undefined;
}

/** Between two tasks: what is new, before the next one. */
export function NewFeedback({ from }: { from: DeskFeedback }) {
  const see = useSeen();
  return (
    <section className="stack" aria-labelledby="new-feedback">
      <div className="row spread">
        <h2 id="new-feedback">New feedback on your answers</h2>
        <button
          className="button primary"
          disabled={see.isPending}
          onClick={() => see.mutate(from.at)}
        >
          I have read it: next task
        </button>
      </div>
      {see.error && <Failed error={see.error} />}
      {newThreads(from).map((t) => (
        <ThreadView key={t.id} thread={t} as="rater" />
      ))}
      {newSettled(from).map((s) => (
        <Settled key={s.answer} s={s} disputed={from.threads.some((t) => t.answer === s.answer)} />
      ))}
    </section>
  );
}

function Settled({
  s,
  disputed,
  isNew: marked = false,
}: {
  s: DeskFeedback["settled"][number];
  disputed: boolean;
  isNew?: boolean;
}) {
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
  const words = (value: unknown) => answerInWords(s.view, s.input, value);
  return (
    <Card
      title={s.title}
      aside={
        <span className="row">
          {marked && <Badge tone="warn">new</Badge>}
          <span className="quiet small">{when(s.at)}</span>
        </span>
      }
    >
      <p>
        You said <b>{words(s.said)}</b>. A researcher says <b>{words(s.decided)}</b>: {s.reason}
      </p>
      <details>
        <summary>The task and your answer</summary>
        <AsSeen {...s} value={s.said} />
      </details>
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
