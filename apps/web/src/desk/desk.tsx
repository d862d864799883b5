/**
 * The raters' desk around the form of any kind of work: the next task is here already when the last is sent, drafts
 * keep themselves, and nothing is thrown away. Keys: g guidelines, f flag a concern, s skip, u undo.
 */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import {
  type ReactNode,
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import type { Me, SkipFate } from "@tiller/schema";
import type { Draft } from "@tiller/task";
import { api, asking, keyOf } from "../api.ts";
import { Empty, Failed, Kbd, Loading, Missing } from "../design/components.tsx";
import { typingIn } from "../task/field.ts";
import { beginsByWriting } from "../task/task-form.tsx";
import type { Time } from "./active-time.ts";
import { NothingHere } from "../join/nothing.tsx";
import { ConcernDialog, GuidelinesDialog, SkipDialog } from "./dialogs.tsx";
import { BEGUN_SECONDS, draftShelf, type InHand } from "./draft.ts";
import { NewFeedback, useFreshFeedback } from "./feedback.tsx";
import { Foot } from "./foot.tsx";
import { type Outcome, outboxOf, type Outgoing } from "./outbox.ts";
import { claim, letGo, useQueue } from "./queue.ts";
import { StaffPreview } from "./preview.tsx";
import { type AtWork, pauseAt, Told, Work } from "./work.tsx";
import "./desk.css";

const UNDO_MS = 120_000;
const now = (): number => Date.now();
const skippedTo: Record<SkipFate, string> = {
  others: "Skipped: someone else will get it.",
  drop: "Skipped: nobody else will be shown it.",
  researcher: "Skipped: a researcher will look at it.",
};
type Open = "guide" | "skip" | "flag";
interface Notice {
  readonly id: string;
  readonly text: string;
  /** words that would be lost otherwise */
  readonly words?: string;
  readonly act?: { name: string; run: () => void };
}

export function Desk() {
  const me = useQuery({ ...asking("me"), retry: false });
  if (!me.data) return <Loading />;
  return me.data.role === "rater" ? <DeskOf me={me.data} /> : <StaffDesk me={me.data} />;
}

/** Who runs the work looks at the desk without taking a task, until they say that they answer themselves. */
function StaffDesk({ me }: { me: Me }) {
  const [working, setWorking] = useState(false);
  const preview = useQuery({ ...asking("previewDesk"), enabled: !working, gcTime: 0 });
  if (working || (preview.data && preview.data.held > 0)) return <DeskOf me={me} />;
  return preview.data ? (
    <StaffPreview task={preview.data.task} begin={() => setWorking(true)} />
  ) : (
    <main className="desk">
      <Missing query={preview} />
    </main>
  );
}

function DeskOf({ me }: { me: Me }) {
  const [dialog, setDialog] = useState<Open>();
  const [undo, setUndo] = useState<{ lease: string; until: number }>();
  const [notices, setNotices] = useState<readonly Notice[]>([]);
  const [said, say] = useState("");
  const client = useQueryClient();
  const progress = useQuery({
    ...asking("progress"),
    refetchInterval: 15_000,
  });
  const tell = useCallback(
    (n: Notice) => setNotices((all) => [n, ...all.filter((x) => x.id !== n.id)]),
    [],
  );
  const untell = (id: string) => setNotices((all) => all.filter((x) => x.id !== id));

  const outbox = useMemo(() => {
    const box = outboxOf(me.id);
    for (const lease of box.leases()) void claim(lease);
    return box;
  }, [me.id]);
  const work = useRef<AtWork>(undefined);
  const hold = useCallback((w: AtWork) => {
    work.current = w;
  }, []);
  const queue = useQueue({
    sending: outbox.leases,
    active: () => work.current?.clock.active() ?? false,
    begun: ({ lease, beside, restored }) => {
      const kept = draftShelf(me.id).get(lease.lease);
      const inHand = work.current?.lease === lease.lease ? work.current.clock : undefined;
      return (
        restored !== undefined ||
        beside.draft !== null ||
        kept?.dirty === true ||
        (kept?.base ?? 0) > 0 ||
        (inHand?.read().activeSeconds ?? 0) >= BEGUN_SECONDS
      );
    },
    heard: (lease, revision, tab) => {
      if (work.current?.lease === lease) work.current.draft.heard(revision, tab);
    },
  });
  const current = queue.items[0];
  const fresh = useFreshFeedback(current?.lease.lease);
  const writing = current !== undefined && beginsByWriting(current.lease.view);
  /** An answer has arrived, or never will. */
  const ended = useRef<(o: Outgoing, what: Outcome) => void>(() => {});
  ended.current = (o, what) => {
    const lease = o.lease.lease;
    for (const name of ["progress", "notices", "ownAnswers"] as const)
      void client.invalidateQueries({ queryKey: keyOf(name) });
    const { activeSeconds, idleSeconds } = o;
    const restored = { value: o.value, activeSeconds, idleSeconds };
    const again = { lease: o.lease, beside: o.beside, restored };
    if (what.kind === "refused") {
      queue.front({ ...again, problems: [what.message], replace: o.replace });
      say("The answer came back: it needs a correction.");
      return;
    }
    if (what.kind === "cancelled") return;
    letGo(lease);
    if (what.kind === "lost") {
      setUndo((u) => (u?.lease === lease ? undefined : u));
      const words = JSON.stringify(o.value, null, 2);
      tell({ id: lease, text: `An answer could not be taken: ${what.message}`, words });
      return;
    }
    draftShelf(me.id).remove(lease);
    if (!what.kept)
      tell({
        id: lease,
        text: `“${o.lease.title}”: you had sent another answer to this task from another window. That one stands.`,
        act: {
          name: "Send this one instead",
          run: () => {
            untell(lease);
            outbox.add({ ...o, replace: true, at: now() });
          },
        },
      });
  };

  useEffect(() => outbox.listen((o, what) => ended.current(o, what)), [outbox]);

  const next = (lease: string) => {
    setDialog(undefined);
    queue.remove(lease);
  };
  const answer = (item: InHand, value: Draft, time: Time) => {
    const { lease, beside } = item;
    const replace = item.replace ?? false;
    outbox.add({ lease, beside, value, ...time, replace, at: now() });
    if (beside.first) read(item);
    setUndo({ lease: lease.lease, until: now() + UNDO_MS });
    say("Sent. Undo takes it back, for two minutes.");
    next(lease.lease);
  };
  /** This person knows these instructions now. */
  const read = ({ lease }: InHand) => {
    const known = { type: lease.type, version: lease.typeVersion };
    queue.patch((i) =>
      i.lease.type === known.type && i.lease.typeVersion === known.version
        ? { ...i, beside: { ...i.beside, first: false, before: null } }
        : i,
    );
    // should this fail they are shown once more
    void api.readInstructions({ body: known }).catch(() => {});
  };
  const takeBack = async () => {
    if (!undo) return;
    setUndo(undefined);
    const { what, sent } = await outbox.takeBack(undo.lease);
    if (what.kind === "cancelled" && sent) {
      const { lease, beside, value, activeSeconds, idleSeconds } = sent;
      const restored = { value, activeSeconds, idleSeconds };
      queue.front({ lease, beside, restored, replace: true });
    }
    if (what.kind === "stored")
      try {
        queue.front(await api.undoAnswer({ body: { answer: what.answer } }));
      } catch (e) {
        tell({ id: "undo", text: `It could not be taken back: ${(e as Error).message}` });
        return;
      }
    say("Taken back.");
  };

  // from one task to the next the focus goes to its heading, which says what it is; where the task is to write, to the box
  const heading = useRef<HTMLHeadingElement>(null);
  const shown = useRef<string>(undefined);
  useEffect(() => {
    const lease = current?.lease.lease;
    if (shown.current && shown.current !== lease && !writing) heading.current?.focus();
    shown.current = lease;
  }, [current?.lease.lease, writing]);
  const press = (e: KeyboardEvent) => {
    const keys: Record<string, () => void> = {
      u: () => void takeBack(),
      g: () => current && setDialog("guide"),
      s: () => current && setDialog("skip"),
      f: () => current && setDialog("flag"),
    };
    const target = e.target as HTMLElement;
    // the form may just have taken the focus into its box: the letter is the first of a word
    const typing = typingIn(target) ?? typingIn(document.activeElement);
    if (fresh || dialog || typing || target.closest("[role=dialog]") || e.defaultPrevented) return;
    if (writing && !target.closest("[data-task-form]")) return; // only who has left the box by Esc commands
    if (e.ctrlKey || e.metaKey || e.altKey || e.repeat || !keys[e.key]) return;
    e.preventDefault();
    keys[e.key]!();
  };
  const newest = useRef(press);
  newest.current = press;
  useLayoutEffect(() => {
    const listen = (e: KeyboardEvent) => newest.current(e);
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, []);
  useEffect(() => {
    if (!undo) return;
    const timer = setTimeout(() => setUndo(undefined), Math.max(0, undo.until - now()));
    return () => clearTimeout(timer);
  }, [undo]);

  const close = () => setDialog(undefined);
  return (
    <main className="desk">
      <p className="unseen" role="status">
        {said}
      </p>
      <div className="row spread">
        <h1 ref={heading} tabIndex={-1}>
          {fresh ? "Desk" : (current?.lease.title ?? "Desk")}
        </h1>
        <div className="row actions">
          {undo && (
            <button className="button" aria-keyshortcuts="u" onClick={() => void takeBack()}>
              Undo <Kbd>u</Kbd>
            </button>
          )}
          {current && !fresh && (
            <>
              <Action keyName="g" open={() => setDialog("guide")}>
                Guidelines
              </Action>
              <Action keyName="f" open={() => setDialog("flag")}>
                Flag
              </Action>
              <Action keyName="s" open={() => setDialog("skip")}>
                Skip
              </Action>
            </>
          )}
        </div>
      </div>
      {notices.map((n) => (
        <Told
          key={n.id}
          text={n.text}
          words={n.words}
          acts={[...(n.act ? [n.act] : []), { name: "Dismiss", run: () => untell(n.id) }]}
        />
      ))}
      {fresh ? (
        <NewFeedback from={fresh} />
      ) : current ? (
        <Work
          key={`${current.lease.lease} ${current.times ?? 0}`}
          item={current}
          person={me.id}
          hold={hold}
          paused={dialog !== undefined}
          submit={(value, time) => answer(current, value, time)}
          read={() => read(current)}
          leave={() => {
            next(current.lease.lease);
            letGo(current.lease.lease);
          }}
        />
      ) : queue.error ? (
        <Failed error={queue.error} retry={queue.retry} />
      ) : queue.state === "empty" ? (
        <NothingHere why={queue.why} />
      ) : queue.state === "elsewhere" ? (
        <Empty title="Your tasks are open in other windows">
          You hold as many tasks as one person may. Finish one there, or close that window: the task
          then comes here.
        </Empty>
      ) : (
        <Loading />
      )}
      <Foot
        progress={progress.data}
        outbox={outbox}
        trouble={queue.error}
        pauseSeconds={current ? pauseAt(current) : 30}
      />
      {current && (
        <>
          <GuidelinesDialog open={dialog === "guide"} close={close} lease={current.lease} />
          <SkipDialog
            open={dialog === "skip"}
            close={close}
            lease={current.lease}
            time={() => work.current?.clock.read() ?? { activeSeconds: 0, idleSeconds: 0 }}
            skipped={(fate) => {
              work.current?.draft.close();
              draftShelf(me.id).remove(current.lease.lease);
              say(skippedTo[fate]);
              next(current.lease.lease);
              letGo(current.lease.lease);
            }}
          />
          <ConcernDialog
            open={dialog === "flag"}
            close={close}
            lease={current.lease}
            raised={() => {
              close();
              say("Sent to the researchers. The answer will stand under My work.");
            }}
          />
        </>
      )}
    </main>
  );
}
const Action = (p: { keyName: string; open: () => void; children: ReactNode }) => (
  <button className="button" aria-keyshortcuts={p.keyName} onClick={p.open}>
    {p.children} <Kbd>{p.keyName}</Kbd>
  </button>
);
