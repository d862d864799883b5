/** The rooms one sits in: what waits for one first. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { OwnRoom } from "@tiller/schema";
import { asking } from "../api.ts";
import { Badge, Empty, Loaded, when } from "../design/components.tsx";
import { Practise } from "./practice.tsx";
import "./rooms.css";

const EVERY_MS = 15_000;

export function MyRooms() {
  const rooms = useQuery({ ...asking("ownRooms"), refetchInterval: EVERY_MS });
  return (
    <main className="my-rooms">
      <div>
        <h1>Rooms</h1>
        <p className="quiet">
          Debates and other rooms in which you have a seat. You can leave the page at any time: what
          you write is kept, and the number at the word Rooms says when it is your turn.
        </p>
      </div>
      <Practise />
      <Loaded
        query={rooms}
        empty={
          <Empty title="You sit in no room">
            A work lead opens rooms and gives out their seats.
          </Empty>
        }
      >
        {(all) => (
          <ul className="room-list">
            {all.map((r) => (
              <li key={r.room} className="card">
                <div>
                  <Link to="/rooms/$id" params={{ id: r.room }}>
                    <b>{r.name}</b>
                  </Link>
                  <p className="quiet small">
                    {r.rules}, you are {r.seat}
                    {r.role !== r.seat && ` (${r.role})`}
                  </p>
                </div>
                <Standing room={r} />
              </li>
            ))}
          </ul>
        )}
      </Loaded>
    </main>
  );
}

const Standing = ({ room: r }: { room: OwnRoom }) =>
  r.over ? (
    <Badge>over</Badge>
  ) : r.turn ? (
    <span className="row">
      {r.until !== null && (
        <span className="quiet small num">until {when(new Date(r.until).toISOString())}</span>
      )}
      {r.remindedAt !== null && <Badge tone="warn">reminded {when(r.remindedAt)}</Badge>}
      <Badge tone="good">{r.asks ? "asks you first" : "your turn"}</Badge>
    </span>
  ) : (
    <Badge>{r.asks ? "asks you first" : "others move"}</Badge>
  );
