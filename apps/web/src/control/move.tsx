/** One action on the roster: who goes where, with what it will change shown before it happens. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { z } from "zod";
import {
  type ControlRoom,
  ExperimentId,
  type Move,
  MovePreview,
  PersonId,
  type Queue,
  type Who,
} from "@tiller/schema";
import { post } from "../api.ts";
import { Dialog } from "../design/components.tsx";
import { type Names, queueName, span } from "./format.ts";
import { type MoveStart, roomKey } from "./page.tsx";

const DAY = 86_400;
const EVERYTHING = "everything";
/** Choices of a select are strings: JSON of what they stand for. */
const Target = z.union([
  z.literal(EVERYTHING),
  z.object({ kind: z.string(), experiment: ExperimentId.nullable() }),
]);
const WhoChoice = z.union([z.object({ person: PersonId }), z.object({ group: z.string() })]);
const keyOf = (q: Queue) => JSON.stringify({ kind: q.kind, experiment: q.experiment ?? null });
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
  const [who, setWho] = useState(start.who ? keyOfWho(start.who) : "");
  const [to, setTo] = useState(start.to ? keyOf(start.to) : "");
  const move: Move | undefined =
    who && to
      ? { who: WhoChoice.parse(JSON.parse(who)), to: Target.parse(JSON.parse(to)) }
      : undefined;
  const preview = useQuery({
    queryKey: ["move-preview", who, to],
    queryFn: () => post("/api/control/preview", move, MovePreview),
    enabled: move !== undefined,
    staleTime: 5000,
  });
  const go = useMutation({
    mutationFn: () => post("/api/control/move", move, z.object({ id: z.string() })),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: roomKey });
      close();
    },
  });
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
        <label>
          Who
          <select value={who} required onChange={(e) => setWho(e.target.value)}>
            <option value="">Choose …</option>
            {room.groups.length > 0 && (
              <optgroup label="Groups">
                {room.groups.map((g) => (
                  <option key={g.group} value={keyOfWho({ group: g.group })}>
                    {g.group} ({g.people.length})
                  </option>
                ))}
              </optgroup>
            )}
            <optgroup label="People">
              {room.people.map((p) => (
                <option key={p.person} value={keyOfWho({ person: p.person })}>
                  {p.pseudonym}
                  {p.pausedAt ? " (paused)" : ""}
                </option>
              ))}
            </optgroup>
          </select>
        </label>
        <label>
          Works on, from now on and on nothing else
          <select value={to} required onChange={(e) => setTo(e.target.value)}>
            <option value="">Choose …</option>
            <option value={JSON.stringify(EVERYTHING)}>Everything that is not reserved</option>
            <optgroup label="A queue">
              {room.queues.map((q) => (
                <option key={keyOf(q)} value={keyOf(q)}>
                  {queueName(q, names)}
                </option>
              ))}
            </optgroup>
            <optgroup label="A kind of work, in every experiment">
              {kinds.map((q) => (
                <option key={q.kind} value={keyOf({ kind: q.kind, experiment: null })}>
                  {q.title}
                </option>
              ))}
            </optgroup>
          </select>
        </label>
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
        {go.error && (
          <p role="alert" className="bad-text">
            {go.error.message}
          </p>
        )}
        <div className="actions">
          <button type="button" className="button" onClick={close}>
            Cancel
          </button>
          <button className="button primary" disabled={!move || go.isPending || preview.isError}>
            Move
          </button>
        </div>
      </form>
    </Dialog>
  );
}

const days = (d: number | null) => (d === null ? "never" : span(d * DAY));

function Preview({ preview, names }: { preview: MovePreview; names: Names }) {
  const stuck = preview.people.filter((p) => p.availableAfter === 0);
  return (
    <>
      {preview.queues.length === 0 ? (
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
            {preview.queues.map((q) => (
              <tr key={keyOf(q)}>
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
