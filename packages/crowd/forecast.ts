/**
 * When queues will be done: by who may work on what at which pace, and by the counts so far. Rows in, numbers out; the
 * time is an argument.
 */
import {
  type CompletionRange,
  type ExperimentId,
  type QueueForecast,
  smallest,
} from "@tiller/schema";

/** What the forecast is made from. */
export interface Queues {
  /** `open`: answers still wanted */
  readonly lanes: readonly {
    readonly lane: number;
    readonly kind: string;
    readonly experiment: ExperimentId | null;
    readonly open: number;
  }[];
  /** who may take from which lane; the lower the place, the sooner */
  readonly people: readonly {
    readonly person: string;
    readonly lane: number;
    readonly place: number;
    /** false: away, and nobody counts on them */
    readonly here?: boolean;
  }[];
  /** what each did of each kind in the last seven days; `days`: on which they answered any */
  readonly worked: readonly {
    readonly person: string;
    readonly kind: string;
    readonly answered: number;
    readonly days: number;
    readonly seconds: number;
  }[];
}

/** A guess for people without a history: four hours a day, and a minute an answer where nobody has one. */
const [GUESSED_SECONDS_A_DAY, GUESSED_SECONDS] = [4 * 3600, 60];

/** Answers a day: the person's own over the last days that had any; else from the kind's seconds an answer. */
function paceOf(worked: Queues["worked"]) {
  const own = new Map(worked.map((w) => [`${w.person}\n${w.kind}`, w]));
  const sum = (rows: Queues["worked"], of: "answered" | "seconds") =>
    rows.reduce((total, w) => total + w[of], 0);
  const guesses = new Map(
    [...Map.groupBy(worked, (w) => w.kind)].map(([kind, rows]) => {
      const answered = sum(rows, "answered");
      return [kind, answered ? sum(rows, "seconds") / answered : GUESSED_SECONDS];
    }),
  );
  return (person: string, kind: string): { perDay: number; measured: boolean } => {
    const mine = own.get(`${person}\n${kind}`);
    if (mine?.days) return { perDay: mine.answered / mine.days, measured: true };
    const seconds = Math.max(1, guesses.get(kind) ?? GUESSED_SECONDS);
    return { perDay: GUESSED_SECONDS_A_DAY / seconds, measured: false };
  };
}

/**
 * Lets time run: everyone works in the first of their places that still has work, spread over its lanes by how much is
 * left there, until nothing moves any more.
 */
export function forecast({ lanes, people: all, worked }: Queues): QueueForecast[] {
  const people = all.filter((p) => p.here !== false);
  const pace = paceOf(worked);
  const left = new Map(lanes.map((l) => [l.lane, l.open]));
  const kind = new Map(lanes.map((l) => [l.lane, l.kind]));
  const byPerson = [...Map.groupBy(people, (a) => a.person)];
  const doneAt = new Map<number, number>();
  const first = new Map<number, { perDay: number; measured: boolean }>();
  const rates = () => {
    const rate = new Map<number, number>();
    for (const [person, rows] of byPerson) {
      const open = rows.filter((r) => left.get(r.lane)! > 1e-9);
      const place = smallest(open.map((r) => r.place));
      const here = open.filter((r) => r.place === place);
      const total = here.reduce((sum, r) => sum + left.get(r.lane)!, 0);
      for (const { lane } of here) {
        const p = pace(person, kind.get(lane)!);
        const part = (p.perDay * left.get(lane)!) / total;
        rate.set(lane, (rate.get(lane) ?? 0) + part);
        if (doneAt.size === 0 && now === 0) {
          const f = first.get(lane) ?? { perDay: 0, measured: false };
          first.set(lane, { perDay: f.perDay + part, measured: f.measured || p.measured });
        }
      }
    }
    return rate;
  };
  let now = 0;
  for (let step = 0; step <= lanes.length; step++) {
    const rate = rates();
    const times = [...rate].filter(([, r]) => r > 0).map(([lane, r]) => left.get(lane)! / r);
    if (!times.length) break;
    const dt = smallest(times);
    now += dt;
    for (const [lane, r] of rate) {
      const after = left.get(lane)! - r * dt;
      left.set(lane, after > 1e-6 * (1 + left.get(lane)!) ? after : 0);
      if (left.get(lane) === 0 && !doneAt.has(lane)) doneAt.set(lane, now);
    }
  }
  return lanes.map((l) => ({
    kind: l.kind,
    experiment: l.experiment,
    open: l.open,
    people: people.filter((a) => a.lane === l.lane).length,
    perDay: first.get(l.lane)?.perDay ?? 0,
    days: l.open === 0 ? 0 : (doneAt.get(l.lane) ?? null),
    measured: first.get(l.lane)?.measured ?? false,
  }));
}

/** Answers still wanted in the lanes that a person may take from. */
export const availableTo = ({ lanes, people }: Queues, person: string): number => {
  const open = new Map(lanes.map((l) => [l.lane, l.open]));
  return people.filter((a) => a.person === person).reduce((sum, a) => sum + open.get(a.lane)!, 0);
};

const HOUR = 3600;
/** How far a queue was at a moment. */
export interface Sample {
  readonly at: string;
  readonly done: number;
}
/** Four fifths of a normal distribution lie within this many standard deviations. */
const WITHIN = 1.28;
const MOST_BINS = 48;
const FEWEST_BINS = 5;

/** Answers an hour over the last hour, or what there is of it; null until there are two samples. */
export function pace(samples: readonly Sample[], now: number): number | null {
  const recent = samples.filter((s) => Date.parse(s.at) > now - HOUR * 1000 - 60_000);
  const [first, last] = [recent[0], recent.at(-1)];
  if (!first || !last || first === last) return null;
  const seconds = (Date.parse(last.at) - Date.parse(first.at)) / 1000;
  return (Math.max(0, last.done - first.done) / seconds) * HOUR;
}

/** Equal spans of time up to the last sample, and the answers that came in each. */
function bins(samples: readonly Sample[]): { seconds: number; counts: number[] } {
  const start = Date.parse(samples[0]!.at) / 1000;
  const end = Date.parse(samples.at(-1)!.at) / 1000;
  const n = Math.min(MOST_BINS, samples.length - 1);
  const seconds = (end - start) / n;
  let i = 0;
  const counts: number[] = [];
  let before = samples[0]!.done;
  for (let bin = 1; bin <= n; bin++) {
    while (
      i + 1 < samples.length &&
      Date.parse(samples[i + 1]!.at) / 1000 <= start + bin * seconds + 1e-6
    )
      i++;
    counts.push(Math.max(0, samples[i]!.done - before));
    before = samples[i]!.done;
  }
  return { seconds, counts };
}

/**
 * The time to give `open` answers at the pace of the samples. The spread has two parts: how unsure the mean of the past
 * is, and how much as many spans to come will scatter around it. `guessPerDay` stands in where there are few samples,
 * with half and twice its time as the range.
 */
export function completion(
  open: number,
  samples: readonly Sample[],
  guessPerDay: number,
): CompletionRange | null {
  if (open <= 0) return { low: 0, mid: 0, high: 0, basis: "measured" };
  const { seconds, counts } =
    samples.length > FEWEST_BINS ? bins(samples) : { seconds: 0, counts: [] };
  const mean = counts.reduce((a, b) => a + b, 0) / (counts.length || 1);
  if (counts.length < FEWEST_BINS || mean === 0) {
    if (guessPerDay <= 0) return null;
    const mid = (open / guessPerDay) * 24 * HOUR;
    return { low: mid / 2, mid, high: mid * 2, basis: "guess" };
  }
  const spread = counts.reduce((a, c) => a + (c - mean) ** 2, 0) / (counts.length - 1);
  const ahead = Math.max(1, open / mean);
  // an answer more or less is always possible: never less than counting noise
  const sd = Math.sqrt(Math.max(spread, mean) * (1 / counts.length + 1 / ahead));
  const time = (perBin: number) => (open / perBin) * seconds;
  const slow = mean - WITHIN * sd;
  return {
    low: time(mean + WITHIN * sd),
    mid: time(mean),
    high: slow > mean / 50 ? time(slow) : null,
    basis: "measured",
  };
}
