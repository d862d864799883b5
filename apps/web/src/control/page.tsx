/** The control room: what needs doing, how the queues stand, who works on what. Asks again every three seconds. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { Alert, ControlRoom } from "@tiller/schema";
import { api, asking, keyOf } from "../api.ts";
import { Badge, Card, Empty, Loaded, Refused, SimulatedNote, Stat } from "../design/components.tsx";
import { AnswersDialog } from "./answers.tsx";
import "./control.css";
import { hours, moveName, type MoveStart, type Names, namesOf } from "./format.ts";
import { MoveDialog } from "./move.tsx";
import { PeopleTable } from "./people.tsx";
import { QueueTable } from "./queues.tsx";

const EVERY_MS = 3000;

export function ControlPage() {
  const room = useQuery({
    ...asking("controlRoom"),
    refetchInterval: EVERY_MS,
  });
  return (
    <main className="control">
      <h1>Control room</h1>
      <Loaded query={room}>{(data) => <Room room={data} />}</Loaded>
    </main>
  );
}

const AWAY_MS = 7 * 86_400_000;
/** Who is away, paused or gone is not counted on. */
const isHere = (p: ControlRoom["people"][number], now: string) =>
  !p.pausedAt &&
  p.stage !== "left" &&
  (p.simulated || (p.seenAt !== null && Date.parse(now) - Date.parse(p.seenAt) < AWAY_MS));

function Room({ room }: { room: ControlRoom }) {
  const [moving, setMoving] = useState<MoveStart>();
  const [looking, setLooking] = useState<{ person: string; pseudonym: string }>();
  const names = namesOf(room);
  const act = ({ act: a }: Alert) =>
    a.kind === "move" ? setMoving({ to: a.queue }) : setLooking(a);
  const total = (of: (p: ControlRoom["people"][number]) => number) =>
    room.people.reduce((sum, p) => sum + of(p), 0);
  const simulated = room.people.filter((p) => p.simulated).length;
  const signs = room.people.filter((p) => !p.pausedAt && p.quality?.concerns.length);
  return (
    <>
      {simulated > 0 && (
        <SimulatedNote>
          {simulated} of {room.people.length} raters here are programs that answer the first
          experiment alone. Today’s answers and times count theirs too.
        </SimulatedNote>
      )}
      <div className="stats">
        <Stat
          name="Working now"
          value={String(room.people.filter((p) => p.doing).length)}
          note={`of ${room.people.filter((p) => isHere(p, room.at)).length} who were here this week`}
        />
        <Stat name="Answers today" value={String(total((p) => p.answersToday))} />
        <Stat
          name="Active today"
          value={`${hours(total((p) => p.activeSeconds))} h`}
          note={`idle ${hours(total((p) => p.idleSeconds))} h`}
        />
        <Stat
          name="Still wanted"
          value={String(room.queues.reduce((sum, q) => sum + q.wanted - q.done, 0))}
          note={`answers in ${room.queues.length} ${room.queues.length === 1 ? "queue" : "queues"}`}
        />
      </div>
      <Card title="To do" aside={room.alerts.length > 0 && <Badge>{room.alerts.length}</Badge>}>
        {room.alerts.length === 0 ? (
          <p className="quiet">
            {signs.length === 0
              ? "Nothing needs you: no queue is late, everyone keeps a sound pace."
              : `No queue is late. Marked below after few answers, and worth a look: ${signs.map((p) => p.pseudonym).join(", ")}.`}
          </p>
        ) : (
          <ul className="alerts">
            {room.alerts.map((a) => (
              <li key={a.id}>
                <span
                  className={`sign ${a.level}`}
                  role="img"
                  aria-label={a.level === "bad" ? "Urgent" : "Watch"}
                />
                <div>
                  <b>{a.what}</b> <span className="quiet">{a.remedy}</span>
                </div>
                <button className="button" onClick={() => act(a)}>
                  {a.act.kind === "move" ? "Move people" : "Look"}
                </button>
              </li>
            ))}
          </ul>
        )}
      </Card>
      <Card title="Queues">
        {room.queues.length === 0 ? (
          <Empty title="No open work">
            A queue appears here as soon as a project or an experiment asks people something.
          </Empty>
        ) : (
          <QueueTable queues={room.queues} now={room.at} move={(to) => setMoving({ to })} />
        )}
      </Card>
      <Card title="People">
        {room.people.length === 0 ? (
          <Empty title="Nobody yet">Invite raters on the page People.</Empty>
        ) : (
          <PeopleTable
            room={room}
            names={names}
            move={(who) => setMoving({ who })}
            look={setLooking}
          />
        )}
      </Card>
      <Moves room={room} names={names} />
      {moving && (
        <MoveDialog room={room} names={names} start={moving} close={() => setMoving(undefined)} />
      )}
      {looking && <AnswersDialog who={looking} close={() => setLooking(undefined)} />}
    </>
  );
}

/** What was moved in the last day, with its undo. */
function Moves({ room, names }: { room: ControlRoom; names: Names }) {
  const client = useQueryClient();
  const undo = useMutation({
    mutationFn: (id: string) => api.undoMove({ id }),
    onSettled: () => client.invalidateQueries({ queryKey: keyOf("controlRoom") }),
  });
  if (room.moves.length === 0) return null;
  return (
    <Card title="Moved in the last day">
      <ul className="alerts">
        {room.moves.map((m) => (
          <li key={m.id}>
            <span className="quiet small num">{m.at.slice(11, 16)}</span>
            <span>
              {moveName(m.move, names)} <span className="quiet small">by {m.by}</span>
            </span>
            {m.undoneAt ? (
              <Badge>undone</Badge>
            ) : (
              <button
                className="button"
                disabled={undo.isPending}
                onClick={() => undo.mutate(m.id)}
              >
                Undo
              </button>
            )}
          </li>
        ))}
      </ul>
      <Refused error={undo.error} />
    </Card>
  );
}
