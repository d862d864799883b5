/** The raters' desk: one pair at a time, by keyboard; the next is already here when the last is sent. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";
import { z } from "zod";
import {
  ComparisonInput,
  type ComparisonValue,
  DeskProgress,
  Lease,
  NextReply,
  type SkipReason,
  skipReasons,
} from "@tiller/schema";
import { ApiError, get, post } from "../api.ts";
import {
  Dialog,
  duration,
  Empty,
  Failed,
  Kbd,
  Loading,
  Markdown,
  percent,
} from "../design/components.tsx";
import { useActiveTime } from "./active-time.ts";
import { useOutbox } from "./outbox.ts";

const reasonNames: Record<SkipReason, string> = {
  unreadable: "I cannot read it",
  "cannot-decide": "I cannot decide",
  upsetting: "It is upsetting",
  "seen-before": "I have seen it before",
  other: "Something else",
};
const Undone = z.object({ lease: Lease });
const UNDO_SHOWN_MS = 120_000;

export function Desk() {
  const [queue, setQueue] = useState<Lease[]>([]);
  const [empty, setEmpty] = useState(false);
  const [error, setError] = useState<Error>();
  const [dialog, setDialog] = useState<"skip" | "guide">();
  const [undo, setUndo] = useState<{ lease: string; until: number }>();
  const client = useQueryClient();
  const progress = useQuery({
    queryKey: ["desk-progress"],
    queryFn: () => get("/api/desk/progress", DeskProgress),
    refetchInterval: 15_000,
  });
  const outbox = useOutbox(() => void client.invalidateQueries({ queryKey: ["desk-progress"] }));
  const current = queue[0];
  const input = current && ComparisonInput.parse(current.input);
  const clock = useActiveTime(current?.lease);
  const fetching = useRef(false);
  const held = useRef(queue);
  held.current = queue;

  // keep the task in hand and one more
  const fill = useCallback(async () => {
    if (fetching.current || held.current.length >= 2) return;
    fetching.current = true;
    try {
      const holding = [...held.current.map((l) => l.lease), ...outbox.waiting()];
      const next = await post("/api/desk/next", { holding: holding.slice(-8) }, NextReply);
      if (next.kind === "task")
        setQueue((q) => (q.some((l) => l.lease === next.lease.lease) ? q : [...q, next.lease]));
      setEmpty(next.kind === "empty");
      setError(undefined);
    } catch (e) {
      if (!(e instanceof ApiError && e.code === "too_many_leases")) setError(e as Error);
    } finally {
      fetching.current = false;
    }
  }, [outbox]);
  useEffect(() => {
    if (queue.length < 2) void fill();
    const timer = setInterval(() => void fill(), 3000);
    return () => clearInterval(timer);
  }, [queue.length, fill]);

  const answer = useCallback(
    (choice: ComparisonValue["choice"]) => {
      if (!current) return;
      outbox.add({ lease: current.lease, value: { choice }, ...clock.read() });
      setUndo({ lease: current.lease, until: Date.now() + UNDO_SHOWN_MS });
      setQueue((q) => q.slice(1));
    },
    [current, clock, outbox],
  );
  const takeBack = useCallback(async () => {
    if (!undo) return;
    const stored = await outbox.answerOf(undo.lease);
    setUndo(undefined);
    if (!stored) return;
    try {
      const { lease } = await post("/api/desk/undo", { answer: stored }, Undone);
      setQueue((q) => [lease, ...q.filter((l) => l.lease !== lease.lease)]);
    } catch (e) {
      setError(e as Error);
    }
  }, [undo, outbox]);
  const skip = async (reason: SkipReason, comment: string) => {
    if (!current) return;
    setDialog(undefined);
    setQueue((q) => q.slice(1));
    await post(
      "/api/desk/skip",
      { lease: current.lease, reason, ...(comment ? { comment } : {}) },
      z.unknown(),
    ).catch(setError);
  };

  const left = current?.swap ? "b" : "a";
  const right = current?.swap ? "a" : "b";
  useEffect(() => {
    const keys: Record<string, () => void> = {
      "1": () => answer(left),
      "2": () => answer(right),
      "0": () => answer("tie"),
      u: () => void takeBack(),
      s: () => current && setDialog("skip"),
      g: () => setDialog("guide"),
    };
    const press = (e: KeyboardEvent) => {
      const typing = (e.target as HTMLElement).closest("input, textarea, select");
      if (dialog || typing || e.ctrlKey || e.metaKey || e.altKey || e.repeat) return;
      const action = keys[e.key];
      if (!action) return;
      e.preventDefault();
      action();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [answer, takeBack, dialog, left, right, current]);
  useEffect(() => {
    if (!undo) return;
    const timer = setTimeout(() => setUndo(undefined), Math.max(0, undo.until - Date.now()));
    return () => clearTimeout(timer);
  }, [undo]);

  const p = progress.data;
  return (
    <main className="desk">
      <div className="row spread">
        <h1>Which continuation is more positive?</h1>
        <div className="row">
          <button className="button" onClick={() => setDialog("guide")}>
            Guidelines <Kbd>g</Kbd>
          </button>
          <button className="button" disabled={!current} onClick={() => setDialog("skip")}>
            Skip <Kbd>s</Kbd>
          </button>
        </div>
      </div>
      {error ? (
        <Failed
          error={error}
          retry={() => {
            setError(undefined);
            void fill();
          }}
        />
      ) : current && input ? (
        <>
          <section className="stack" aria-label="Passage">
            <p className="quiet small">Passage</p>
            <p className="read passage" data-testid="passage">
              {input.passage}
            </p>
          </section>
          <div className="pair">
            {(
              [
                [left, "1", "Left"],
                [right, "2", "Right"],
              ] as const
            ).map(([side, key, name]) => (
              <button
                key={key}
                className="choice"
                onClick={() => answer(side)}
                aria-keyshortcuts={key}
              >
                <span className="read">{input[side].text.trim()}</span>
                <span className="foot">
                  <Kbd>{key}</Kbd> {name} is more positive
                </span>
              </button>
            ))}
          </div>
          <div className="row" style={{ justifyContent: "center" }}>
            <button className="button" onClick={() => answer("tie")} aria-keyshortcuts="0">
              No difference <Kbd>0</Kbd>
            </button>
          </div>
        </>
      ) : empty ? (
        <Empty title="All caught up">
          There is no work for you right now. New pairs appear here by themselves.
        </Empty>
      ) : (
        <Loading />
      )}
      <footer className="row quiet small" aria-label="Your progress">
        <span className="num">
          <b>{p?.answeredToday ?? "–"}</b> today
        </span>
        <span className="num">
          <b>{p?.answered ?? "–"}</b> in all
        </span>
        <span className="num">
          <b>{p?.available ?? "–"}</b> left for you
        </span>
        <span className="num">
          <b>{p ? duration(p.activeSeconds) : "–"}</b> active
        </span>
        <span className="num" title="With the majority of the others, on pairs you shared">
          {p?.agreement === null || !p ? (
            "agreement after 10 shared pairs"
          ) : (
            <>
              <b>{percent(p.agreement)}</b> agreement
            </>
          )}
        </span>
        {outbox.size > 0 && <span role="status">{outbox.size} answers wait to be sent</span>}
        <span>Time counts while you are here; a pause of 30 s or more counts as idle.</span>
      </footer>
      {undo && (
        <div className="toast" role="status">
          Sent{" "}
          <button className="button" onClick={() => void takeBack()}>
            Undo <Kbd>u</Kbd>
          </button>
        </div>
      )}
      <Dialog open={dialog === "guide"} close={() => setDialog(undefined)} title="Guidelines">
        <Markdown
          text={
            current?.instructions.replace(/^# .*\n+/, "") ?? "Take a task to see its guidelines."
          }
        />
        <button className="button" onClick={() => setDialog(undefined)}>
          Close
        </button>
      </Dialog>
      <Dialog open={dialog === "skip"} close={() => setDialog(undefined)} title="Skip this pair">
        <SkipForm skip={(r, c) => void skip(r, c)} cancel={() => setDialog(undefined)} />
      </Dialog>
    </main>
  );
}

function SkipForm({
  skip,
  cancel,
}: {
  skip: (r: SkipReason, comment: string) => void;
  cancel: () => void;
}) {
  const [reason, setReason] = useState<SkipReason>("cannot-decide");
  const [comment, setComment] = useState("");
  return (
    <form
      className="stack"
      onSubmit={(e) => {
        e.preventDefault();
        skip(reason, comment);
      }}
    >
      <p className="quiet">
        Someone else will get it; you will not see it again. Skipping costs you nothing.
      </p>
      <fieldset className="stack" style={{ border: 0, padding: 0, margin: 0, gap: 6 }}>
        <legend className="small quiet">Why?</legend>
        {skipReasons.map((r) => (
          <label key={r} className="row">
            <input
              type="radio"
              name="reason"
              checked={reason === r}
              onChange={() => setReason(r)}
            />{" "}
            {reasonNames[r]}
          </label>
        ))}
      </fieldset>
      <label className="stack" style={{ gap: 4 }}>
        <span className="small quiet">Anything the researchers should know? (optional)</span>
        <textarea
          rows={2}
          value={comment}
          onChange={(e) => setComment(e.target.value)}
          maxLength={2000}
        />
      </label>
      <div className="row">
        <button className="button primary" type="submit">
          Skip the pair
        </button>
        <button className="button" type="button" onClick={cancel}>
          Keep it
        </button>
      </div>
    </form>
  );
}
