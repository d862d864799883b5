/** Everyone who may be given work: on what, since when, today's figures, how reliable, and the pause. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useDeferredValue, useState } from "react";
import type { ControlPerson, ControlRoom, Who } from "@tiller/schema";
import { api, keyOf } from "../api.ts";
import { Badge, Interval, Term } from "../design/components.tsx";
import { HowRatersAreJudged, VerdictBadge } from "../design/verdict.tsx";
import { hours, type Names, queueName, since } from "./format.ts";
import { NotesDialog } from "./notes.tsx";
import { Tools } from "./tools.tsx";

const SHOWN = 100;

/** Whether a search finds them: by pseudonym, group, language, qualification, or what they are on. */
const found = (p: ControlPerson, text: string): boolean =>
  [
    p.pseudonym,
    ...p.groups,
    ...p.languages,
    ...Object.keys(p.qualifications),
    p.doing?.title ?? "",
    p.quality?.flag ?? "",
    p.pausedAt ? "paused" : "",
  ].some((t) => t.toLowerCase().includes(text));

/** Those with trouble first, then those at work, then by what they did today. */
const weight = (p: ControlPerson): number =>
  (p.quality?.flag === "careless" ? 4 : 0) + (p.doing ? 2 : 0) + (p.pausedAt ? -3 : 0);

export function PeopleTable({
  room,
  names,
  move,
  look,
}: {
  room: ControlRoom;
  names: Names;
  move: (who: Who) => void;
  look: (who: { person: string; pseudonym: string }) => void;
}) {
  const [text, setText] = useState("");
  const [all, setAll] = useState(false);
  const [noting, setNoting] = useState<ControlPerson>();
  const wanted = useDeferredValue(text.trim().toLowerCase());
  const people = room.people
    .filter((p) => !wanted || found(p, wanted))
    .toSorted((a, b) => weight(b) - weight(a) || b.answersToday - a.answersToday);
  const shown = all ? people : people.slice(0, SHOWN);
  return (
    <>
      <div className="row">
        <input
          className="field narrow"
          type="search"
          placeholder="Search: name, group, language, paused …"
          aria-label="Search people"
          value={text}
          onChange={(e) => setText(e.target.value)}
        />
        {room.groups.map((g) => (
          <button key={g.group} className="button" onClick={() => move({ group: g.group })}>
            Move {g.group} ({g.people.length})
          </button>
        ))}
      </div>
      <div className="scroll">
        <table>
          <thead>
            <tr>
              <th>Person</th>
              <th>On</th>
              <th className="right">Today</th>
              <th>Active / idle</th>
              <th>
                <Term>Reliability</Term>
              </th>
              <th>Seen</th>
              <th>
                <span className="sr">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map((p) => (
              <Row
                key={p.person}
                person={p}
                room={room}
                names={names}
                move={move}
                look={look}
                note={() => setNoting(p)}
              />
            ))}
          </tbody>
        </table>
      </div>
      <HowRatersAreJudged />
      {shown.length === 0 && <p className="quiet">Nobody fits “{text}”.</p>}
      {people.length > shown.length && (
        <button className="button" onClick={() => setAll(true)}>
          Show all {people.length}
        </button>
      )}
      {noting && <NotesDialog who={noting} close={() => setNoting(undefined)} />}
    </>
  );
}

function Row({
  person: p,
  room,
  names,
  move,
  look,
  note,
}: {
  person: ControlPerson;
  room: ControlRoom;
  names: Names;
  move: (who: Who) => void;
  look: (who: { person: string; pseudonym: string }) => void;
  note: () => void;
}) {
  const rows = room.roster.filter(
    (r) => r.person === p.person || (r.group !== null && p.groups.includes(r.group)),
  );
  const q = p.quality;
  return (
    <tr>
      <td>
        {p.pseudonym} {q && q.flag !== "ok" && <VerdictBadge of={q.flag} concerns={q.concerns} />}{" "}
        {p.simulated && <Badge>simulated</Badge>}{" "}
        {p.pausedAt && <Badge tone="warn">paused{p.pausedWhy && `: ${p.pausedWhy}`}</Badge>}
        <br />
        <span className="quiet small">
          {[...p.groups, ...p.languages, ...Object.keys(p.qualifications)].join(" · ")}
        </span>
      </td>
      <td data-label="On">
        {p.doing ? (
          <>
            {p.doing.title} <span className="quiet small">for {since(p.doing.since, room.at)}</span>
          </>
        ) : (
          <span className="quiet">–</span>
        )}
        {rows.length > 0 && (
          <>
            <br />
            <span className="quiet small">
              only {rows.map((r) => queueName(r, names)).join(", ")}
            </span>
          </>
        )}
      </td>
      <td data-label="Today" className="right num">
        {p.answersToday}
      </td>
      <td data-label="Active / idle" className="num nowrap">
        {hours(p.activeSeconds)} <span className="quiet">/ {hours(p.idleSeconds)}</span>
      </td>
      <td data-label="Reliability">
        <Interval
          low={q?.reliabilityLow ?? null}
          at={q?.reliability ?? null}
          high={q?.reliabilityHigh ?? null}
          bad={q?.flag === "careless"}
        />
      </td>
      <td data-label="Seen" className="quiet nowrap">
        {p.seenAt ? since(p.seenAt, room.at) : "never"}
      </td>
      <td className="wide" aria-label="Actions">
        <Tools>
          <button className="button" onClick={() => move({ person: p.person })}>
            Move
          </button>
          <button className="button" onClick={() => look(p)}>
            Answers
          </button>
          <button className="button" onClick={note}>
            Notes
          </button>
          <Pause person={p} />
        </Tools>
      </td>
    </tr>
  );
}

function Pause({ person }: { person: ControlPerson }) {
  const client = useQueryClient();
  const paused = person.pausedAt !== null;
  const change = useMutation({
    mutationFn: () => api.changeWorker({ id: person.person, body: { paused: !paused } }),
    onSettled: () => client.invalidateQueries({ queryKey: keyOf("controlRoom") }),
  });
  return (
    <button
      className="button"
      aria-pressed={paused}
      disabled={change.isPending}
      title={change.error?.message}
      onClick={() => change.mutate()}
    >
      {paused ? "Resume" : "Pause"}
    </button>
  );
}
