/** The person's own figures under the task, and what still waits to be sent. */
import { Link } from "@tanstack/react-router";
import { useSyncExternalStore } from "react";
import type { DeskProgress } from "@tiller/schema";
import { ApiError } from "../api.ts";
import { duration, percent } from "../design/components.tsx";
import type { Outbox } from "./outbox.ts";

export function Foot({
  progress: p,
  outbox,
  trouble,
  pauseSeconds,
}: {
  progress: DeskProgress | undefined;
  outbox: Outbox;
  trouble: Error | undefined;
  /** without input, that still counts as active */
  pauseSeconds: number;
}) {
  const waiting = useSyncExternalStore(outbox.subscribe, outbox.size);
  const arrived = useSyncExternalStore(outbox.subscribe, outbox.arrived);
  const why = useSyncExternalStore(outbox.subscribe, outbox.trouble);
  const offline =
    why ??
    (trouble && !(trouble instanceof ApiError) ? "The server cannot be reached." : undefined);
  return (
    <footer className="row quiet small desk-foot" aria-label="Your progress">
      <span className="num">
        <b>{p?.answeredToday ?? "–"}</b> today
      </span>
      <span className="num">
        <b>{p?.answered ?? "–"}</b> in all
      </span>
      <span className="num">
        <b>{p?.available ?? "–"}</b> left for you
      </span>
      <span className="num">
        <b>{p ? duration(p.activeSeconds) : "–"}</b> active
      </span>
      <span className="num" title="With the majority of the others, on tasks you shared">
        {p?.agreement === null || !p ? (
          "agreement after 10 shared tasks"
        ) : (
          <>
            <b>{percent(p.agreement)}</b> agreement
          </>
        )}
      </span>
      <Link to="/desk/me">My work</Link>
      <span role="status">
        {offline && `${offline} `}
        {offline && waiting > 0
          ? `${waiting} ${waiting === 1 ? "answer waits" : "answers wait"} to be sent: safe in this browser, and sent by ${waiting === 1 ? "itself" : "themselves"} when the server is back.`
          : arrived > 0 &&
            !waiting && (
              <b className="good-text">
                {arrived === 1
                  ? "The answer that waited is safe on the server."
                  : `All ${arrived} answers that waited are safe on the server.`}
              </b>
            )}
      </span>
      <p>
        Time counts while you are here; a pause of{" "}
        {pauseSeconds < 90 ? `${pauseSeconds} s` : `${Math.round(pauseSeconds / 60)} min`} or more
        counts as idle.
      </p>
    </footer>
  );
}
