/** The queues: how far, how fast, when done, by whom; and what a lead changes about one. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { ControlQueue, ControlRoom, Queue, QueueChange } from "@tiller/schema";
import { api, keyOf } from "../api.ts";
import { Badge, Dialog, FormEnd, Meter, when } from "../design/components.tsx";
import { range, span } from "./format.ts";
import { Tools } from "./tools.tsx";

export function QueueTable({
  queues,
  now,
  move,
}: {
  queues: ControlRoom["queues"];
  now: string;
  move: (to: Queue) => void;
}) {
  const [changing, setChanging] = useState<ControlQueue>();
  return (
    <div className="scroll">
      <table>
        <thead>
          <tr>
            <th>Work</th>
            <th>Done</th>
            <th className="right">An hour</th>
            <th>Done in</th>
            <th>Deadline</th>
            <th>People</th>
            <th className="right">Priority</th>
            <th>
              <span className="sr">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {queues.map((q) => (
            <tr key={`${q.kind} ${q.experiment}`}>
              <td>
                {q.title} {q.paused !== null && <Badge tone="warn">paused: {q.paused}</Badge>}
                <br />
                <Link
                  className="quiet small"
                  to={q.project ? "/projects/$id" : "/studio/experiments/$id"}
                  params={{ id: q.experiment }}
                >
                  {q.experimentTitle}
                </Link>
              </td>
              <td data-label="Done" style={{ minWidth: 130 }}>
                <span className="small num">
                  {q.done} of {q.wanted}
                </span>
                <Meter done={q.done} total={q.wanted} label={`Done of ${q.title}`} />
              </td>
              <td data-label="An hour" className="right num">
                {q.perHour === null ? "–" : Math.round(q.perHour)}
              </td>
              <td data-label="Done in">
                {range(q.completion)}
                {q.completion?.basis === "guess" && (
                  <>
                    <br />
                    <span className="quiet small">a guess: no pace yet</span>
                  </>
                )}
              </td>
              <td data-label="Deadline" className="nowrap">
                <Deadline queue={q} now={now} />
              </td>
              <td data-label="People" className="nowrap">
                {q.now} on it
                <br />
                <span className={`small ${q.may === 0 ? "bad-text" : "quiet"}`}>{q.may} may</span>
              </td>
              <td data-label="Priority" className="right num">
                {q.priority}
              </td>
              <td className="wide" aria-label="Actions">
                <Tools>
                  <button className="button" onClick={() => move(q)}>
                    Move people
                  </button>
                  <button className="button" onClick={() => setChanging(q)}>
                    Change
                  </button>
                </Tools>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {changing && <QueueDialog queue={changing} close={() => setChanging(undefined)} />}
    </div>
  );
}

function Deadline({ queue, now }: { queue: ControlQueue; now: string }) {
  if (!queue.deadline) return <span className="quiet">–</span>;
  const left = (Date.parse(queue.deadline) - Date.parse(now)) / 1000;
  const tone =
    left <= 0 || (queue.completion?.mid ?? Infinity) > left
      ? "bad"
      : (queue.completion?.high ?? Infinity) > left
        ? "warn"
        : "good";
  return (
    <>
      <Badge tone={tone}>{left <= 0 ? `over by ${span(left)}` : `in ${span(left)}`}</Badge>
      <br />
      <span className="quiet small">{when(queue.deadline)}</span>
    </>
  );
}

/** A moment as the browser's date and time field wants it: local, to the minute. */
const local = (iso: string) => when(iso).replace(" ", "T");

function QueueDialog({ queue, close }: { queue: ControlQueue; close: () => void }) {
  const client = useQueryClient();
  const [priority, setPriority] = useState(String(queue.priority));
  const [deadline, setDeadline] = useState(queue.deadline ? local(queue.deadline) : "");
  const [paused, setPaused] = useState(queue.paused !== null);
  const [why, setWhy] = useState(queue.paused ?? "");
  const change = useMutation({
    mutationFn: (body: QueueChange) => api.changeQueue({ body }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: keyOf("controlRoom") });
      close();
    },
  });
  return (
    <Dialog open close={close} title={`${queue.title} · ${queue.experimentTitle}`}>
      <form
        className="form"
        onSubmit={(e) => {
          e.preventDefault();
          change.mutate({
            kind: queue.kind,
            experiment: queue.experiment,
            priority: Number(priority),
            deadline: deadline ? new Date(deadline).toISOString() : null,
            paused,
            why,
          });
        }}
      >
        <div className="pair-fields">
          <label>
            Priority, higher first
            <input
              type="number"
              min={-1000}
              max={1000}
              required
              value={priority}
              onChange={(e) => setPriority(e.target.value)}
            />
          </label>
          <label>
            Deadline
            <input
              type="datetime-local"
              value={deadline}
              onChange={(e) => setDeadline(e.target.value)}
            />
          </label>
        </div>
        <label className="check">
          <input type="checkbox" checked={paused} onChange={(e) => setPaused(e.target.checked)} />
          Give out no more of it for now
        </label>
        {paused && (
          <label>
            Why
            <input value={why} maxLength={300} onChange={(e) => setWhy(e.target.value)} />
          </label>
        )}
        <FormEnd error={change.error} close={close} disabled={change.isPending}>
          Save
        </FormEnd>
      </form>
    </Dialog>
  );
}
