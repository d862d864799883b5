/** One action on the roster: who goes where, with what it will change shown before it happens. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { z } from "zod";
import {
  type ControlRoom,
  ExperimentId,
  type Move,
  type MovePreview,
  PersonId,
  type Queue,
  type Who,
} from "@tiller/schema";
import { api, asking, keyOf } from "../api.ts";
import { Dialog, FormEnd } from "../design/components.tsx";
import { type MoveStart, type Names, queueName, span } from "./format.ts";

const DAY = 86_400;
const EVERYTHING = "everything";
/** Choices of a select are strings: JSON of what they stand for. */
const QueueChoice = z.object({ kind: z.string(), experiment: ExperimentId.nullable() });
const Target = z.union([z.literal(EVERYTHING), QueueChoice]);
const WhoChoice = z.union([z.object({ person: PersonId }), z.object({ group: z.string() })]);
const choiceOf = (q: Queue) => JSON.stringify({ kind: q.kind, experiment: q.experiment ?? null });
const keyOfWho = (w: Who) => JSON.stringify(w);

export function MoveDialog({
  room,
  names,
  start,
  close,
}: {
  room: ControlRoom;
  names: Names;
  start: MoveStart;
  close: () => void;
}) {
  const client = useQueryClient();
  // a person or group goes to a queue and leaves their others, or a queue goes to somebody beside what they have
  const [way, setWay] = useState<"people" | "queue">("people");
  const [who, setWho] = useState(start.who ? keyOfWho(start.who) : "");
  const [from, setFrom] = useState("");
  const [to, setTo] = useState(start.to ? choiceOf(start.to) : "");
  const choose = (queue: string) => {
    setTo(queue);
    setFrom("");
  };
  const queueGoes = way === "queue";
  const move: Move | undefined =
    !who || !to || (queueGoes && to === JSON.stringify(EVERYTHING))
      ? undefined
      : queueGoes
        ? {
            queue: QueueChoice.parse(JSON.parse(to)),
            to: WhoChoice.parse(JSON.parse(who)),
            ...(from ? { from: WhoChoice.parse(JSON.parse(from)) } : {}),
          }
        : { who: WhoChoice.parse(JSON.parse(who)), to: Target.parse(JSON.parse(to)) };
  const preview = useQuery({
    ...asking("previewMove", move && { body: move }),
    staleTime: 5000,
  });
  const go = useMutation({
    mutationFn: () => api.move({ body: move! }), // the button waits for one
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: keyOf("controlRoom") });
      close();
    },
  });
  // those who are set on the chosen queue
  const holders = room.roster
    .filter((r) => to && choiceOf({ kind: r.kind, experiment: r.experiment }) === to)
    .map((r) => keyOfWho(r.person ? { person: r.person } : { group: r.group! }));
  const kinds = [...new Map(room.queues.map((q) => [q.kind, q])).values()];
  return (
    <Dialog open close={close} title="Move people">
      <form
        className="form"
        onSubmit={(e) => {
          e.preventDefault();
          if (move) go.mutate();
        }}
      >
        <div className="row" role="radiogroup" aria-label="What moves">
          {(["people", "queue"] as const).map((w) => (
            <label key={w} className="check">
              <input type="radio" name="way" checked={way === w} onChange={() => setWay(w)} />
              {w === "people" ? "People go to a queue" : "A queue goes to people"}
            </label>
          ))}
        </div>
        {queueGoes && <Where label="Queue" {...{ room, names, kinds, to }} setTo={choose} />}
        {queueGoes && (
          <Whom
            label="Taken from; leave it empty to take it from nobody"
            room={room}
            only={holders}
            who={from}
            set={setFrom}
          />
        )}
        <Whom label={queueGoes ? "Goes to" : "Who"} room={room} required who={who} set={setWho} />
        {!queueGoes && (
          <Where
            label="Works on, from now on and on nothing else"
            everything
            {...{ room, names, kinds, to }}
            setTo={choose}
          />
        )}
        {queueGoes && (
          <p className="quiet small">
            It comes first for them, before the queues they are set on already. Somebody who was set
            on none works on this one alone.
          </p>
        )}
        <div className="preview" aria-live="polite">
          {!move ? (
            <span className="quiet small">Choose both to see what it will change.</span>
          ) : preview.error ? (
            <span className="bad-text">{preview.error.message}</span>
          ) : !preview.data ? (
            <span className="quiet small">Looking …</span>
          ) : (
            <Preview preview={preview.data} names={names} />
          )}
        </div>
        <FormEnd error={go.error} close={close} disabled={!preview.data || go.isPending}>
          Move
        </FormEnd>
      </form>
    </Dialog>
  );
}

function Whom(p: {
  label: string;
  room: ControlRoom;
  required?: boolean;
  /** keys of those who can be chosen */
  only?: readonly string[];
  who: string;
  set: (who: string) => void;
}) {
  const may = (w: Who) => !p.only || p.only.includes(keyOfWho(w));
  const groups = p.room.groups.filter((g) => may({ group: g.group }));
  const people = p.room.people.filter((x) => may({ person: x.person }));
  return (
    <label>
      {p.label}
      <select
        value={p.who}
        required={p.required ?? false}
        disabled={p.only?.length === 0}
        onChange={(e) => p.set(e.target.value)}
      >
        <option value="">
          {p.required ? "Choose …" : p.only?.length === 0 ? "Nobody is set on it" : "Nobody"}
        </option>
        {groups.length > 0 && (
          <optgroup label="Groups">
            {groups.map((g) => (
              <option key={g.group} value={keyOfWho({ group: g.group })}>
                {g.group} ({g.people.length})
              </option>
            ))}
          </optgroup>
        )}
        {people.length > 0 && (
          <optgroup label="People">
            {people.map((x) => (
              <option key={x.person} value={keyOfWho({ person: x.person })}>
                {x.pseudonym}
                {x.pausedAt ? " (paused)" : ""}
              </option>
            ))}
          </optgroup>
        )}
      </select>
    </label>
  );
}

function Where(p: {
  label: string;
  everything?: boolean;
  room: ControlRoom;
  names: Names;
  kinds: readonly ControlRoom["queues"][number][];
  to: string;
  setTo: (to: string) => void;
}) {
  return (
    <label>
      {p.label}
      <select value={p.to} required onChange={(e) => p.setTo(e.target.value)}>
        <option value="">Choose …</option>
        {p.everything && (
          <option value={JSON.stringify(EVERYTHING)}>Everything that is not reserved</option>
        )}
        <optgroup label="A queue">
          {p.room.queues.map((q) => (
            <option key={choiceOf(q)} value={choiceOf(q)}>
              {queueName(q, p.names)}
            </option>
          ))}
        </optgroup>
        <optgroup label="A kind of work, in every experiment">
          {p.kinds.map((q) => (
            <option key={q.kind} value={choiceOf({ kind: q.kind, experiment: null })}>
              {q.title}
            </option>
          ))}
        </optgroup>
      </select>
    </label>
  );
}

const days = (d: number | null) => (d === null ? "never" : span(d * DAY));

function Preview({ preview, names }: { preview: MovePreview; names: Names }) {
  const stuck = preview.people.filter((p) => p.availableAfter === 0);
  const queues = preview.queues.filter((q) => q.before.open > 0 || q.after.open > 0);
  return (
    <>
      {queues.length === 0 ? (
        <span className="quiet small">No queue's forecast changes.</span>
      ) : (
        <table className="plain">
          <thead>
            <tr>
              <th>Queue</th>
              <th>People</th>
              <th>Done in</th>
            </tr>
          </thead>
          <tbody>
            {queues.map((q) => (
              <tr key={choiceOf(q)}>
                <td>{queueName(q, names)}</td>
                <td className="num">
                  {q.before.people} → <b>{q.after.people}</b>
                </td>
                <td className="num">
                  {days(q.before.days)} → <b>{days(q.after.days)}</b>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {stuck.length > 0 && (
        <span className="warn-text small">
          No work left there for {stuck.map((p) => p.pseudonym).join(", ")}.
        </span>
      )}
    </>
  );
}
