/**
 * What the work lead should do now, from what the control room read. Every alert names what is wrong, with its numbers, and
 * one remedy.
 */
import type { Alert, ControlPerson, ControlQueue } from "@tiller/schema";

const HOUR = 3600;
const people = (n: number) => (n === 1 ? "one person" : `${n} people`);
const span = (seconds: number): string =>
  seconds < 5400
    ? `${Math.round(seconds / 60)} minutes`
    : seconds < 36 * HOUR
      ? `${Math.round(seconds / HOUR)} hours`
      : `${Math.round(seconds / 24 / HOUR)} days`;

/** Answers that say something about speed, and how far below the middle is too fast. */
const ENOUGH = 25;
const TOO_FAST = 0.4;
const EXPIRED = 3;

interface State {
  readonly now: number;
  readonly queues: readonly ControlQueue[];
  readonly people: readonly ControlPerson[];
}
type Finder = (s: State) => Alert[];

const queueAct = (q: ControlQueue) =>
  ({ kind: "move", queue: { kind: q.kind, experiment: q.experiment } }) as const;
const named = (q: ControlQueue) => `“${q.title}” of ${q.experimentTitle}`;
const about = (rule: string, q: ControlQueue) => `${rule} ${q.kind} ${q.experiment}`;
const look = (p: ControlPerson) =>
  ({ kind: "answers", person: p.person, pseudonym: p.pseudonym }) as const;

const late: Finder = ({ now, queues }) =>
  queues.flatMap((q): Alert[] => {
    if (!q.deadline || q.paused !== null || q.may === 0) return [];
    const left = (Date.parse(q.deadline) - now) / 1000;
    const open = q.wanted - q.done;
    if (left <= 0)
      return [
        {
          id: about("late", q),
          level: "bad",
          what: `${named(q)} is past its deadline by ${span(-left)}; ${open} answers are missing.`,
          remedy: "Move people to it, or set a new deadline.",
          act: queueAct(q),
        },
      ];
    const mid = q.completion?.mid ?? Infinity;
    const high = q.completion?.high ?? Infinity;
    if (high <= left) return [];
    const rate = q.perHour ?? (Number.isFinite(mid) ? (open / mid) * HOUR : 0);
    // nobody can say yet how fast it goes: no alarm at a start
    if (q.perHour === null && q.done === 0 && left > HOUR) return [];
    const each = rate / Math.max(1, q.now || q.may);
    const more =
      each > 0
        ? Math.max(1, Math.ceil(((open / left) * HOUR) / each - Math.max(1, q.now || q.may)))
        : 1;
    const when = Number.isFinite(mid) ? `needs ${span(mid)} at this pace` : "stands still";
    return [
      {
        id: about("late", q),
        level: mid > left ? "bad" : "warn",
        what: `${named(q)} ${when} and has ${span(left)}.`,
        remedy:
          mid > left
            ? `Add ${people(more)}.`
            : "It may be late: keep an eye on it, or add one person.",
        act: queueAct(q),
      },
    ];
  });

const nobody: Finder = ({ queues }) =>
  queues
    .filter((q) => q.may === 0 && q.paused === null)
    .map((q) => ({
      id: about("nobody", q),
      level: q.done === 0 ? "warn" : "bad",
      what: `Nobody who was here in the last week may work on ${named(q)}; ${q.wanted - q.done} answers are missing.`,
      remedy: "Invite somebody, move somebody there, or give the qualification that it asks for.",
      act: queueAct(q),
    }));

const tooFast: Finder = ({ people: all }) => {
  const seconds = all.flatMap((p) => p.quality?.medianSeconds ?? []).toSorted((a, b) => a - b);
  const middle = seconds[Math.floor(seconds.length / 2)] ?? 0;
  return all.flatMap((p): Alert[] => {
    const own = p.quality?.medianSeconds;
    if (p.pausedAt || own === null || own === undefined) return [];
    if (p.quality!.answers < ENOUGH || seconds.length < 4 || own >= TOO_FAST * middle) return [];
    return [
      {
        id: `fast ${p.person}`,
        level: "warn",
        what: `${p.pseudonym} takes ${own.toFixed(1)} s an answer, where others take ${middle.toFixed(1)} s.`,
        remedy: "Look at these 12 answers, the quickest.",
        act: look(p),
      },
    ];
  });
};

const percent = (x: number | null) => `${Math.round(100 * (x ?? 0))} %`;
/** Why: the signs where there are any, and the reliability. */
function carelessness(q: NonNullable<ControlPerson["quality"]>): string {
  const sided = q.concerns.some((c) => c.startsWith("takes the "));
  const said = [
    ...(q.concerns.includes("too fast") && q.medianSeconds !== null
      ? [`${q.medianSeconds.toFixed(1)} s an answer, ${percent(q.fast)} faster than can be read`]
      : []),
    ...(sided && q.sideBias !== null ? [`${percent(q.sideBias)} of choices on the left`] : []),
    ...(q.reliability === null
      ? []
      : [
          `reliability ${percent(q.reliability)} (${percent(q.reliabilityLow)} to ${percent(q.reliabilityHigh)})`,
        ]),
  ];
  return said.join("; ");
}

const careless: Finder = ({ people: all }) =>
  all
    .filter((p) => p.quality?.flag === "careless" && !p.pausedAt)
    .map((p) => ({
      id: `careless ${p.person}`,
      level: "bad",
      what: `${p.pseudonym} is careless: ${carelessness(p.quality!)}.`,
      remedy: "Look at their answers, talk to them, and pause them until then.",
      act: look(p),
    }));

const expired: Finder = ({ people: all }) =>
  all
    .filter((p) => p.expiredLeases >= EXPIRED && !p.simulated)
    .map((p) => ({
      id: `expired ${p.person}`,
      level: "warn",
      what: `${p.pseudonym} let ${p.expiredLeases} tasks run out in the last day.`,
      remedy: "Ask whether the page hangs or the tasks are too long for them.",
      act: look(p),
    }));

/** One finder a rule; the worst first. */
const finders: readonly Finder[] = [late, nobody, careless, tooFast, expired];

export const alertsOf = (s: State): Alert[] =>
  finders
    .flatMap((find) => find(s))
    .toSorted((a, b) => Number(b.level === "bad") - Number(a.level === "bad"));
