/** The task in hand: its draft, its clock and its form; changed guidelines come first. */
import { useEffect, useRef, useState } from "react";
import type { Draft } from "@tiller/task";
import { Kbd, when } from "../design/components.tsx";
import { InstructionsDiff } from "../task/diff.tsx";
import { TaskForm } from "../task/task-form.tsx";
import { type Clock, pauseFor, type Time, useActiveTime } from "./active-time.ts";
import { Guidelines } from "./dialogs.tsx";
import { type DraftHandle, draftShelf, type InHand, startOf, useDraft } from "./draft.ts";
import { windowName } from "./kept.ts";

/** Something a person has to know, and what they can do about it. */
export const Told = (p: {
  text: string;
  words?: string | undefined;
  acts: readonly { name: string; run: () => void }[];
}) => (
  <div className="told" role="alert">
    <span>{p.text}</span>
    <span className="row">
      {p.acts.map((a) => (
        <button key={a.name} className="button" onClick={a.run}>
          {a.name}
        </button>
      ))}
    </span>
    {p.words && <pre>{p.words}</pre>}
  </div>
);

/** Seconds without input that count at this task: by what it gives to read, whatever its shape. */
export const pauseAt = ({ lease }: InHand): number => pauseFor(charactersIn(lease.input));
const charactersIn = (value: unknown): number =>
  typeof value === "string"
    ? value.length
    : value !== null && typeof value === "object"
      ? Object.values(value).reduce((sum: number, v) => sum + charactersIn(v), 0)
      : 0;

/** What the desk may ask of the task in hand. */
export interface AtWork {
  readonly clock: Clock;
  readonly draft: DraftHandle;
  readonly lease: string;
}

export function Work(p: {
  item: InHand;
  person: string;
  hold: (w: AtWork) => void;
  paused: boolean;
  submit: (value: Draft, time: Time) => void;
  read: () => void;
  leave: () => void;
}) {
  const { item, person } = p;
  const { lease, beside } = item;
  const [start] = useState(() => startOf(item, draftShelf(person).get(lease.lease)));
  const [tab] = useState(windowName);
  const clock = useActiveTime(start, pauseAt(item));
  const draft = useDraft(item, start, { person, tab, clock });
  useEffect(() => p.hold({ clock, draft, lease: lease.lease }));
  if (beside.before) return <Changed item={item} read={p.read} paused={p.paused} />;
  const { other } = draft;
  return (
    <>
      {beside.first && (
        <details className="welcome" open>
          <summary>Guidelines for this kind of work</summary>
          <Guidelines lease={lease} />
        </details>
      )}
      {item.gone && <Told text={goneTo[item.gone]} acts={[{ name: "Next task", run: p.leave }]} />}
      {other && (
        <Told
          text={
            other.adopted
              ? `This goes on from what another window of yours saved at ${clockTime(other.savedAt)}.`
              : `Another window of yours had saved something else at ${clockTime(other.savedAt)}. What stands here is kept now.`
          }
          acts={[
            { name: other.adopted ? "Back to mine" : "Use the other", run: draft.exchange },
            { name: "Keep this", run: draft.dismiss },
          ]}
        />
      )}
      <TaskForm
        view={lease.view}
        input={lease.input}
        swap={lease.swap}
        shown={beside.shown}
        value={draft.value}
        onChange={draft.set}
        onSubmit={(value) => {
          draft.close();
          p.submit(value, clock.read());
        }}
        problems={item.problems ?? []}
        disabled={p.paused}
      />
      <p className="quiet small draft-state">{savedWords(draft)}</p>
    </>
  );
}
const goneTo = {
  answered: "You finished this task in another window.",
  skipped: "You skipped this task in another window.",
  expired:
    "This task went to somebody else while you were away. What you wrote is kept, but may find no place any more.",
};
const clockTime = (iso: string) => when(iso).slice(-5);
function savedWords({ state }: DraftHandle): string {
  switch (state.kind) {
    case "untouched":
      return "What you enter is saved as you go.";
    case "saving":
      return "Saving…";
    case "saved":
      return `Draft saved at ${clockTime(state.at)}.`;
    case "kept":
      return `${state.why} What you enter is kept in this browser.`;
  }
}

/** New instructions come before the next task. */
function Changed({
  item: { lease, beside },
  read,
  paused,
}: {
  item: InHand;
  read: () => void;
  paused: boolean;
}) {
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!paused) button.current?.focus({ preventScroll: true });
  }, [paused]);
  return (
    <section className="stack changed" aria-labelledby="changed">
      <h2 id="changed">The guidelines have changed</h2>
      <p>Please read what is new before you go on.</p>
      <div className="card">
        <InstructionsDiff
          before={{ version: beside.before!.version, text: beside.before!.instructions }}
          after={{ version: lease.typeVersion, text: lease.instructions }}
        />
      </div>
      <div className="row">
        <button ref={button} className="button primary" onClick={read}>
          I have read them <Kbd>Enter</Kbd>
        </button>
      </div>
    </section>
  );
}
