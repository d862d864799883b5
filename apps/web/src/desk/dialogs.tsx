/** The desk's dialogs: skip with a reason and a stated fate, flag a concern, guidelines. */
import { useState } from "react";
import { type Lease, type SkipFate, skipFates, type SkipReason, skipReasons } from "@tiller/schema";
import { api, ApiError } from "../api.ts";
import { Dialog } from "../design/components.tsx";
import { Markdown } from "../design/markdown.tsx";
import type { Time } from "./active-time.ts";

export const reasonNames: Record<SkipReason, string> = {
  unreadable: "I cannot read it, or something is broken",
  "cannot-decide": "I cannot decide",
  upsetting: "It is upsetting",
  "seen-before": "I have seen it before",
  other: "Something else",
};
const fateNames: Record<SkipFate, string> = {
  others: "It goes back to the others: someone else will get it.",
  drop: "It is dropped: nobody else will be shown it.",
  researcher: "It goes to a researcher. The other raters will not get it before they decide.",
};
interface DialogProps {
  readonly open: boolean;
  readonly close: () => void;
}

/** Sends a form; it stays open, with the message, until the server has it. */
function useSending(send: () => Promise<void>) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  const submit = async () => {
    setBusy(true);
    setError(undefined);
    await send().catch((e: unknown) =>
      setError(e instanceof ApiError ? e.message : "The server cannot be reached."),
    );
    setBusy(false);
  };
  return { busy, error, submit };
}
const Trouble = ({ message }: { message: string | undefined }) =>
  message ? (
    <p role="alert" className="over">
      {message} Nothing was sent; try again.
    </p>
  ) : null;

export function SkipDialog({
  lease,
  time,
  skipped,
  ...dialog
}: DialogProps & { lease: Lease; time: () => Time; skipped: (fate: SkipFate) => void }) {
  return (
    <Dialog {...dialog} title="Skip this task">
      <SkipForm lease={lease} time={time} skipped={skipped} cancel={dialog.close} />
    </Dialog>
  );
}
function SkipForm(p: {
  lease: Lease;
  time: () => Time;
  skipped: (fate: SkipFate) => void;
  cancel: () => void;
}) {
  const [reason, setReason] = useState<SkipReason>("cannot-decide");
  const [comment, setComment] = useState("");
  const { busy, error, submit } = useSending(async () => {
    const said = comment.trim() ? { comment: comment.trim() } : {};
    const body = { lease: p.lease.lease, reason, ...said, ...p.time() };
    p.skipped((await api.skipTask({ body })).fate);
  });
  return (
    <form
      className="stack"
      onSubmit={(e) => {
        e.preventDefault();
        void submit();
      }}
    >
      <fieldset className="reasons">
        <legend className="small quiet">Why?</legend>
        {skipReasons.map((r) => (
          <label key={r} className="reason">
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
      <label className="stack tight">
        <span className="small quiet">Anything the researchers should know? (optional)</span>
        <textarea
          rows={2}
          value={comment}
          onChange={(e) => setComment(e.target.value)}
          maxLength={2000}
        />
      </label>
      <p className="fate" role="status">
        <b>What happens:</b> {fateNames[skipFates[reason]]} You will not see it again. The time you
        spent counts, and skipping costs you nothing.
      </p>
      <Trouble message={error} />
      <div className="row">
        <button className="button primary" type="submit" disabled={busy}>
          Skip the task
        </button>
        <button className="button" type="button" onClick={p.cancel}>
          Keep it
        </button>
      </div>
    </form>
  );
}

export function ConcernDialog({
  lease,
  raised,
  ...dialog
}: DialogProps & { lease: Lease; raised: () => void }) {
  return (
    <Dialog {...dialog} title="Flag a concern">
      <ConcernForm lease={lease} raised={raised} cancel={dialog.close} />
    </Dialog>
  );
}
function ConcernForm(p: { lease: Lease; raised: () => void; cancel: () => void }) {
  const [text, setText] = useState("");
  const { busy, error, submit } = useSending(async () => {
    await api.raiseConcern({ body: { lease: p.lease.lease, text } });
    p.raised();
  });
  return (
    <form
      className="stack"
      onSubmit={(e) => {
        e.preventDefault();
        void submit();
      }}
    >
      <p className="quiet">
        About this task: “{p.lease.title}”. The work lead and the researchers read it and answer;
        the answer stands under My work. You can still answer or skip the task.
      </p>
      <label className="stack tight">
        <span className="small quiet">What is your concern?</span>
        <textarea
          rows={4}
          required
          value={text}
          onChange={(e) => setText(e.target.value)}
          maxLength={4000}
        />
      </label>
      <Trouble message={error} />
      <div className="row">
        <button className="button primary" type="submit" disabled={busy || !text.trim()}>
          Send
        </button>
        <button className="button" type="button" onClick={p.cancel}>
          Cancel
        </button>
      </div>
    </form>
  );
}

/** Without the title, which the dialog or the page has already. */
export const Guidelines = ({ lease }: { lease: Lease }) => (
  <Markdown text={lease.instructions.replace(/^# .*\n+/, "")} />
);
export const GuidelinesDialog = ({ lease, ...dialog }: DialogProps & { lease: Lease }) => (
  <Dialog {...dialog} title="Guidelines">
    <Guidelines lease={lease} />
    <p className="quiet small">Version {lease.typeVersion}</p>
    <button className="button" onClick={dialog.close}>
      Close
    </button>
  </Dialog>
);
