/** The control room in words: numbers, names, moves. */
import type { CompletionRange, ControlRoom, Move, Queue, Who } from "@tiller/schema";

/** "40 min", "3 h", "2 days": as exact as a forecast is. */
export const span = (seconds: number): string => {
  const s = Math.abs(seconds);
  if (s < 90) return `${Math.round(s)} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  if (s < 36 * 3600) return `${(s / 3600).toFixed(s < 36_000 ? 1 : 0)} h`;
  return `${Math.round(s / 86_400)} days`;
};
export const since = (iso: string, now: string): string =>
  span(Math.max(0, (Date.parse(now) - Date.parse(iso)) / 1000));

export const range = (c: CompletionRange | null): string =>
  c === null
    ? "never, at this pace"
    : `${span(c.low)} to ${c.high === null ? "no end in sight" : span(c.high)}`;

export const hours = (seconds: number): string => {
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}`;
};

/** How titles and pseudonyms are found for ids. */
export interface Names {
  readonly person: (id: string) => string;
  readonly kind: (kind: string) => string;
  readonly experiment: (id: string) => string;
}
export const queueName = (q: Queue, names: Names): string =>
  q.experiment ? `${names.kind(q.kind)} · ${names.experiment(q.experiment)}` : names.kind(q.kind);
export const whoName = (w: Who, names: Names): string =>
  "person" in w ? names.person(w.person) : `group ${w.group}`;
export const moveName = (m: Move, names: Names): string =>
  "queue" in m
    ? `${queueName(m.queue, names)} went to ${whoName(m.to, names)}`
    : `${whoName(m.who, names)} went to ${m.to === "everything" ? "everything" : queueName(m.to, names)}`;

/** What a dialog was opened for. */
export interface MoveStart {
  readonly who?: Who;
  readonly to?: Queue;
}

export const namesOf = (room: ControlRoom): Names => {
  const people = new Map(room.people.map((p) => [p.person as string, p.pseudonym]));
  const kinds = new Map(room.queues.map((q) => [q.kind, q.title]));
  const experiments = new Map(room.queues.map((q) => [q.experiment as string, q.experimentTitle]));
  return {
    person: (id) => people.get(id) ?? id,
    kind: (kind) => kinds.get(kind) ?? kind,
    experiment: (id) => experiments.get(id) ?? id,
  };
};
