/** All rooms for a lead: who waits for whom since when, and what can be done about it in one action. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import type { LobbyRoom, Occupant } from "@tiller/schema";
import { api, asking, keyOf, linkTo } from "../api.ts";
import {
  Badge,
  Dialog,
  duration,
  Empty,
  FormEnd,
  Loaded,
  Refused,
  Scroll,
  when,
} from "../design/components.tsx";
import { money } from "../people/format.ts";
import "./rooms.css";

const EVERY_MS = 5000;
const states = [
  ["open", "Open"],
  ["over", "Over"],
  ["practice", "Practice"],
  ["all", "All"],
] as const;
type Asked =
  | { readonly what: "seat"; readonly seat: string }
  | { readonly what: "undo"; readonly seat: string }
  | { readonly what: "time" }
  | { readonly what: "annul" };

export function LobbyPage() {
  const [state, setState] = useState<(typeof states)[number][0]>("open");
  const [pages, setPages] = useState<readonly string[]>([]);
  const after = pages.at(-1);
  const lobby = useQuery({
    ...asking("listRooms", { state, ...(after === undefined ? {} : { after }) }),
    refetchInterval: EVERY_MS,
  });
  const counts = lobby.data?.counts;
  return (
    <main className="lobby">
      <div className="row spread">
        <div>
          <h1>Rooms</h1>
          <p className="quiet">
            Debates and other rooms. A room in which you sit yourself is seen from your seat alone.
          </p>
        </div>
        <Link className="button primary" to="/control/rooms/new">
          New room
        </Link>
        <fieldset className="row lobby-states">
          <legend className="sr">Which rooms</legend>
          {states.map(([s, title]) => (
            <label key={s} className={`button ${state === s ? "primary" : ""}`}>
              <input
                type="radio"
                name="state"
                className="sr"
                checked={state === s}
                onChange={() => {
                  setState(s);
                  setPages([]);
                }}
              />
              {s === "all" ? title : `${title} ${counts?.[s] ?? ""}`}
            </label>
          ))}
        </fieldset>
      </div>
      {counts && (counts.late > 0 || counts.failed > 0) && (
        <p className="row" role="status">
          {counts.late > 0 && <Badge tone="warn">{counts.late} past a deadline</Badge>}
          {counts.failed > 0 && <Badge tone="bad">{counts.failed} with a seat that failed</Badge>}
        </p>
      )}
      <Loaded query={lobby}>
        {({ rooms, now }) =>
          rooms.length === 0 ? (
            <Empty title={state === "open" ? "No room is open" : "No such room"}>
              Open one with <Link to="/control/rooms/new">New room</Link>: a question, how it is
              played, and who sits where.
            </Empty>
          ) : (
            <>
              <ul className="room-list">
                {rooms.map((r) => (
                  <One key={r.room} room={r} now={now} />
                ))}
              </ul>
              {(pages.length > 0 || rooms.length === 100) && (
                <div className="row">
                  <button
                    className="button"
                    disabled={pages.length === 0}
                    onClick={() => setPages(pages.slice(0, -1))}
                  >
                    Newer
                  </button>
                  <button
                    className="button"
                    disabled={rooms.length < 100}
                    onClick={() => setPages([...pages, rooms.at(-1)!.room])}
                  >
                    Older
                  </button>
                </div>
              )}
            </>
          )
        }
      </Loaded>
    </main>
  );
}

const endings = [
  ["judge", "ended by the judge"],
  ["agreement", "ended by agreement"],
  ["rounds", "all rounds played"],
  ["annulled", "annulled"],
] as const;
const endingOf = (r: LobbyRoom) => endings.find(([by]) => by === r.ending)?.[1] ?? "over";

function One({ room: r, now }: { room: LobbyRoom; now: number }) {
  const client = useQueryClient();
  const [asked, ask] = useState<Asked>();
  const [open, setOpen] = useState(false);
  const again = () =>
    Promise.all([
      client.invalidateQueries({ queryKey: keyOf("listRooms") }),
      client.invalidateQueries({ queryKey: keyOf("getRoom", { id: r.room }) }),
    ]);
  const poke = useMutation({
    mutationFn: (seat: string) => api.pokeSeat({ id: r.room, seat }),
    onSuccess: again,
  });
  const offer = useMutation({
    mutationFn: (wanted: boolean) => api.offerPractice({ id: r.room, body: { offer: wanted } }),
    onSuccess: again,
  });
  const late = r.due.some((d) => d.until !== null && d.until < now);
  const failed = r.seats.some((s) => s.failure !== null);
  return (
    <li className="card lobby-room">
      <div className="lobby-head">
        <div>
          <b>{r.name}</b>
          <p className="quiet small">
            {r.practice && "practice · "}
            {r.rules} · since {when(r.madeAt)}
            {r.mine ? "" : ` · ${r.moves} moves`}
          </p>
        </div>
        <Badge tone={r.state === "over" ? undefined! : failed ? "bad" : late ? "warn" : "good"}>
          {r.state === "over" ? endingOf(r) : failed ? "failed" : late ? "late" : "open"}
        </Badge>
      </div>
      {r.mine ? (
        <p className="quiet small">You sit in this room.</p>
      ) : (
        <>
          <ul className="lobby-seats">
            {r.seats.map((s) => {
              const due = r.due.find((d) => d.seat === s.seat);
              return (
                <li key={s.seat}>
                  <span>
                    <b>{s.seat}</b> {s.who}
                    {s.here && r.state === "open" && <Badge tone="good">here</Badge>}
                    {s.consent === "asked" && r.state === "open" && <Badge>asked</Badge>}
                    {s.exposed !== null && <Badge tone="warn">saw it elsewhere</Badge>}
                  </span>
                  <span className="small num">
                    {due ? (
                      <span className={due.until !== null && due.until < now ? "bad-text" : ""}>
                        waited for {duration(Math.max(0, (now - due.since) / 1000))}
                        {due.until !== null &&
                          (due.until < now
                            ? `, late by ${duration((now - due.until) / 1000)}`
                            : `, ${duration((due.until - now) / 1000)} left`)}
                      </span>
                    ) : (
                      r.state === "open" && <span className="quiet">not its turn</span>
                    )}
                    {s.pokes > 0 && <span className="quiet">, reminded {s.pokes}×</span>}
                    {s.failure !== null && <span className="bad-text"> {s.failure}</span>}
                    {s.declined > 0 && (
                      <span className="quiet">, {s.declined} declined to sit here</span>
                    )}
                    {s.exposed !== null && <span className="quiet"> {s.exposed}</span>}
                  </span>
                  {r.state === "open" && s.kind !== "chance" && (
                    <span className="row">
                      {due && (
                        <button
                          className="button"
                          disabled={poke.isPending}
                          onClick={() => poke.mutate(s.seat)}
                        >
                          {s.failure === null ? "Remind" : "Try again"}
                          <span className="sr"> {s.seat}</span>
                        </button>
                      )}
                      {!due && r.moves > 1 && (
                        <button
                          className="button plain"
                          onClick={() => ask({ what: "undo", seat: s.seat })}
                        >
                          Take back…<span className="sr"> of {s.seat}</span>
                        </button>
                      )}
                      <button
                        className="button"
                        onClick={() => ask({ what: "seat", seat: s.seat })}
                      >
                        Seat somebody else<span className="sr"> in {s.seat}</span>
                      </button>
                    </span>
                  )}
                </li>
              );
            })}
          </ul>
          <div className="row">
            {r.state === "open" ? (
              <>
                {r.due.some((d) => d.until !== null) && (
                  <button className="button plain" onClick={() => ask({ what: "time" })}>
                    More time…
                  </button>
                )}
                <button className="button plain" onClick={() => ask({ what: "annul" })}>
                  Annul…
                </button>
              </>
            ) : (
              <>
                <a className="button" href={linkTo("readRoom", { id: r.room })}>
                  Read it
                </a>
                <a className="button plain" href={linkTo("roomFile", { id: r.room })}>
                  As a file
                </a>
                {!r.practice && (
                  <button
                    className="button plain"
                    disabled={offer.isPending}
                    onClick={() => offer.mutate(!r.offered)}
                  >
                    {r.offered ? "No more practice on it" : "Offer for practice"}
                  </button>
                )}
              </>
            )}
          </div>
          <Refused error={offer.error} />
          <details onToggle={(e) => setOpen(e.currentTarget.open)}>
            <summary>Who sat where, and what was done</summary>
            {open && <History id={r.room} />}
          </details>
        </>
      )}
      {asked && (
        <Act
          room={r}
          asked={asked}
          close={() => ask(undefined)}
          done={() => {
            ask(undefined);
            void again();
          }}
        />
      )}
    </li>
  );
}

function History({ id }: { id: string }) {
  const detail = useQuery(asking("getRoom", { id }));
  return (
    <Loaded query={detail}>
      {(d) => (
        <div className="stack">
          <p className="small">{d.question}</p>
          {d.experiment !== null && (
            <p className="small">
              <Link to="/studio/experiments/$id/trace" params={{ id: d.experiment }} search={{}}>
                What models were asked and said
              </Link>
            </p>
          )}
          <Scroll label="Who sat where">
            <table className="small">
              <thead>
                <tr>
                  {[
                    "seat",
                    "who",
                    "since",
                    "until",
                    "reading",
                    "writing",
                    "waiting",
                    "paid",
                    "why",
                  ].map((h) => (
                    <th key={h}>{h}</th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {d.history.map((h) => (
                  <tr key={`${h.seat} ${h.since}`}>
                    <td>{h.seat}</td>
                    <td>
                      {h.who}
                      {h.agreedAt !== null && <span className="quiet"> agreed</span>}
                      {h.declinedAt !== null && <span className="quiet"> declined</span>}
                    </td>
                    <td>{when(h.since)}</td>
                    <td>{h.until === null ? "" : when(h.until)}</td>
                    <td>{duration(h.reading)}</td>
                    <td>{duration(h.writing)}</td>
                    <td>{duration(h.waiting)}</td>
                    <td className="num">
                      {h.paid > 0 && d.currency !== null ? money(h.paid, d.currency) : ""}
                    </td>
                    <td>
                      {h.reason}
                      {h.by === null ? "" : ` (${h.by})`}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Scroll>
          {d.acts.length > 0 && (
            <ul className="small">
              {d.acts.map((a) => (
                <li key={`${a.at} ${a.did}`}>
                  {when(new Date(a.at).toISOString())} {a.by}: {a.did}
                  {a.reason && `, ${a.reason}`}
                </li>
              ))}
            </ul>
          )}
        </div>
      )}
    </Loaded>
  );
}

const titles = {
  seat: "Seat somebody else",
  undo: "Take a move back",
  time: "More time",
  annul: "Annul the room",
} as const;
function Act(p: { room: LobbyRoom; asked: Asked; close: () => void; done: () => void }) {
  const { asked } = p;
  const id = p.room.room;
  const [kind, setKind] = useState<"person" | "model">("person");
  const [who, setWho] = useState("");
  const [minutes, setMinutes] = useState(10);
  const [reason, setReason] = useState("");
  const act = useMutation({
    mutationFn: () => {
      if (asked.what === "time") return api.extendRound({ id, body: { minutes, reason } });
      if (asked.what === "annul") return api.annulRoom({ id, body: { reason } });
      if (asked.what === "undo") return api.undoSeat({ id, seat: asked.seat, body: { reason } });
      const named: Occupant =
        kind === "model"
          ? { kind, model: who }
          : ({ kind, person: who } as Extract<Occupant, { kind: "person" }>);
      return api.reseat({ id, seat: asked.seat, body: { who: named, reason } });
    },
    onSuccess: p.done,
  });
  const submit = (e: FormEvent) => {
    e.preventDefault();
    act.mutate();
  };
  return (
    <Dialog
      open
      close={p.close}
      title={"seat" in asked ? `${titles[asked.what]}: ${asked.seat}` : titles[asked.what]}
    >
      <form className="stack room-act" onSubmit={submit}>
        {asked.what === "seat" && (
          <>
            <p className="small quiet">
              Whoever sits down has the round's whole time, and time to read. What was said stays.
            </p>
            <fieldset className="row choices">
              <legend className="sr">Kind</legend>
              {(["person", "model"] as const).map((k) => (
                <label key={k}>
                  <input
                    type="radio"
                    name="kind"
                    checked={kind === k}
                    onChange={() => setKind(k)}
                  />
                  <span>A {k}</span>
                </label>
              ))}
            </fieldset>
            <label>
              {kind === "person" ? "Name or pseudonym" : "Model"}
              <input value={who} required onChange={(e) => setWho(e.target.value)} />
            </label>
          </>
        )}
        {asked.what === "time" && (
          <label>
            Minutes
            <input
              type="number"
              min={1}
              max={43_200}
              value={minutes}
              onChange={(e) => setMinutes(Number(e.target.value))}
            />
          </label>
        )}
        {asked.what === "annul" && <p>The room ends without a verdict. This cannot be undone.</p>}
        <label>
          Why (it stands in the record)
          <input value={reason} required onChange={(e) => setReason(e.target.value)} />
        </label>
        <FormEnd error={act.error} close={p.close} disabled={act.isPending}>
          {titles[asked.what]}
        </FormEnd>
      </form>
    </Dialog>
  );
}
