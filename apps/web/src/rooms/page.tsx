/** A room from one's seat: question, what was said, the text or its absence, whose turn it is, and one's own move. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useCallback, useEffect, useRef, useState } from "react";
import { letter } from "@tiller/room/words.ts";
import type { SeatPage } from "@tiller/schema";
import { api, ApiError, asking, keyOf, linkTo } from "../api.ts";
import {
  Badge,
  Dialog,
  Failed,
  fixed,
  FormEnd,
  Loading,
  Refused,
  WayOn,
} from "../design/components.tsx";
import { typingIn } from "../task/field.ts";
import { Composer } from "./composer.tsx";
import { Consent } from "./consent.tsx";
import { Debriefed, LeftDebriefing } from "./debriefing.tsx";
import { hue, nameOf, sideOf, titled } from "./content.ts";
import { Record } from "./practice.tsx";
import { Texts } from "./text.tsx";
import { Transcript } from "./transcript.tsx";
import "./rooms.css";

const BEAT_MS = 15_000;

export function RoomPage() {
  const { id } = useParams({ from: "/rooms/$id" });
  const page = useQuery({ ...asking("seatPage", { id }), staleTime: Infinity });
  const { error } = page;
  const left = error instanceof ApiError && error.code === "left_seat" ? error : undefined;
  useChanges(id, !left && page.data !== undefined);
  if (left)
    return (
      <main>
        <WayOn title="You do not sit here any more">
          {left.message.slice(0, 1).toUpperCase() + left.message.slice(1)}
        </WayOn>
        <LeftDebriefing id={id} />
      </main>
    );
  if (error instanceof ApiError && error.code === "consent_first") return <Consent id={id} />;
  if (!page.data)
    return (
      <main>
        {page.error ? <Failed error={page.error} retry={() => void page.refetch()} /> : <Loading />}
      </main>
    );
  return <Room key={page.data.view.seat} page={page.data} />;
}

/** The server says when one's view has changed; nothing else is asked again. */
function useChanges(id: string, on: boolean): void {
  const client = useQueryClient();
  useEffect(() => {
    if (!on) return undefined;
    const source = new EventSource(linkTo("seatEvents", { id }));
    source.onmessage = () => void client.invalidateQueries({ queryKey: keyOf("seatPage", { id }) });
    return () => source.close();
  }, [client, id, on]);
}

function Room({ page }: { page: SeatPage }) {
  const { view, room } = page;
  const client = useQueryClient();
  const turn = view.turns[0];
  const typed = useRef(0);
  const typing = useCallback(() => (typed.current = Date.now()), []);
  const came = useCallback(
    (p: SeatPage) => client.setQueryData(asking("seatPage", { id: room }).queryKey, p),
    [client, room],
  );
  const waits = turn === undefined;
  const over = view.over !== undefined;
  useEffect(() => {
    if (over) return undefined;
    const beat = () => {
      if (document.visibilityState !== "visible") return;
      const doing = waits
        ? "waiting"
        : Date.now() - typed.current < BEAT_MS
          ? "writing"
          : "reading";
      void api.roomBeat({ id: room, body: { doing } }).catch(() => {});
    };
    beat();
    const timer = setInterval(beat, BEAT_MS);
    return () => clearInterval(timer);
  }, [room, waits, over]);
  const undo = useMutation({
    mutationFn: () => api.undoOwnMove({ id: room, body: { id: crypto.randomUUID() } }),
    onSuccess: came,
  });
  useMoveKeys();
  const side = sideOf(view, view.seat);
  const texts = view.texts.length > 0;
  return (
    <main className={`room ${texts ? "" : "alone"}`}>
      <header className="stack">
        <p className="quiet small">
          {page.name} · {view.rules} · you are {view.seat}
          {side !== undefined && `, for ${letter(side)}`}
          {side === undefined && view.role !== view.seat && `, ${view.role}`}
        </p>
        <h1>{view.question}</h1>
        {view.role === "judge" && !over && (
          <p className="quiet">Some of those who argue may have to argue for a wrong answer.</p>
        )}
        <ol className="room-answers">
          {view.answers.map((a, i) => {
            const by = view.sides.filter((s) => s.answer === i).map((s) => s.seat);
            return (
              <li key={i} className={hue(i)}>
                <b>{letter(i)}</b>
                <span>
                  {a}
                  {by.length > 0 && <span className="quiet small"> argued by {by.join(", ")}</span>}
                  {view.truth === i && <b className="right"> right</b>}
                </span>
              </li>
            );
          })}
        </ol>
      </header>
      <div className="room-said">
        {view.rounds.some((r) => r.moves.length > 0) && <Transcript view={view} />}
        <section className="room-now" aria-live="polite">
          {view.over ? (
            <Over page={page} />
          ) : (
            <p className="row">
              {turn ? (
                <Badge tone="good">Your turn: {titled(turn.label)}</Badge>
              ) : (
                <Badge>
                  {view.waitsFor.length > 0
                    ? `Waiting for ${view.waitsFor.map(nameOf).join(" and ")}`
                    : "Waiting"}
                </Badge>
              )}
              {turn?.until !== undefined && <TimeLeft until={turn.until} now={page.now} />}
              {page.undo && (
                <button className="button" disabled={undo.isPending} onClick={() => undo.mutate()}>
                  Take my move back
                </button>
              )}
            </p>
          )}
          <Refused error={undo.error} />
        </section>
        {turn && (
          <Composer
            key={`${view.rounds.at(-1)?.n} ${turn.do} ${"asked" in turn ? turn.asked : ""}`}
            page={page}
            turn={turn}
            done={came}
            typing={typing}
          />
        )}
        {!over && <LeaveRoom id={room} />}
        <p className="quiet small room-keys">
          <kbd>j</kbd> <kbd>k</kbd> next and last move{turn ? ", " : ""}
          {turn && (
            <>
              <kbd>w</kbd> to what you write, <kbd>q</kbd> quotes what is selected in the text
            </>
          )}
        </p>
      </div>
      {texts && (
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by keys
        <aside className="room-text" aria-label="Text" tabIndex={0}>
          <Texts view={view} />
        </aside>
      )}
    </main>
  );
}

function LeaveRoom({ id }: { id: string }) {
  const client = useQueryClient();
  const [open, set] = useState(false);
  const [reason, setReason] = useState("");
  const leave = useMutation({
    mutationFn: () => api.leaveRoom({ id, body: { reason } }),
    onSuccess: () => {
      set(false);
      return client.invalidateQueries({ queryKey: keyOf("seatPage", { id }) });
    },
  });
  return (
    <div>
      <button className="button plain" onClick={() => set(true)}>
        Leave this room…
      </button>
      <Dialog open={open} close={() => set(false)} title="Leave this room?">
        <form
          className="stack room-act"
          onSubmit={(e) => {
            e.preventDefault();
            leave.mutate();
          }}
        >
          <p>
            What you said stays. The work lead sees that your seat is empty and may give it to
            somebody else; you cannot come back to it by yourself.
          </p>
          <label>
            Why (the work lead reads it)
            <input value={reason} required onChange={(e) => setReason(e.target.value)} />
          </label>
          <FormEnd error={leave.error} close={() => set(false)} disabled={leave.isPending}>
            Leave
          </FormEnd>
        </form>
      </Dialog>
    </div>
  );
}

function Over({ page }: { page: SeatPage }) {
  const { view, room } = page;
  const endings: Readonly<Record<string, string>> = {
    judge: "The judge ended it.",
    agreement: "It ended by agreement.",
    rounds: "All rounds were played.",
    annulled: "It was annulled: there is no verdict.",
  };
  return (
    <div className="card stack">
      <h2>This room is over</h2>
      <p>
        {Object.entries(endings).find(([by]) => by === view.over!.by)?.[1]}
        {page.earned !== null && ` You earned ${fixed(page.earned)}.`}
      </p>
      {page.practice && <Record record={page.practice} />}
      {page.debriefing && <Debriefed id={room} told={page.debriefing} />}
      <div className="row">
        <a className="button" href={linkTo("readRoom", { id: room })}>
          Read it as one page
        </a>
        <Link className="button" to="/rooms">
          My rooms
        </Link>
      </div>
    </div>
  );
}

/** By the server's clock: `now` is what it said when the page came. */
function TimeLeft({ until, now }: { until: number; now: number }) {
  const [left, setLeft] = useState(Math.round((until - now) / 1000));
  useEffect(() => {
    const came = Date.now();
    const tick = () => setLeft(Math.max(0, Math.round((until - now - (Date.now() - came)) / 1000)));
    tick();
    const timer = setInterval(tick, 1000);
    return () => clearInterval(timer);
  }, [until, now]);
  const text =
    left >= 5400
      ? `${Math.round(left / 3600)} h`
      : `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  return (
    <span className={`num ${left < 60 ? "bad-text" : "quiet"}`} role="timer" aria-live="off">
      {left <= 0 ? "the time is over" : `${text} left`}
    </span>
  );
}

function useMoveKeys(): void {
  useEffect(() => {
    const key = (e: KeyboardEvent) => {
      const inField = typingIn(e.target as Element | null) !== null;
      if (e.ctrlKey || e.metaKey || e.altKey || inField || !/^[jk]$/.test(e.key)) return;
      const all = [...document.querySelectorAll<HTMLElement>(".room-move")];
      const i = all.indexOf(document.activeElement?.closest(".room-move") as HTMLElement);
      const next = all[e.key === "j" ? i + 1 : Math.max(0, i - 1)];
      next?.focus();
      next?.scrollIntoView({ block: "center" });
    };
    addEventListener("keydown", key);
    return () => removeEventListener("keydown", key);
  }, []);
}
