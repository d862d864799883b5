/**
 * How the queues stand and when they will be done: answers still wanted (from the batches' counters, never by counting
 * tasks), who may work on what, and each person's pace. A move is previewed by making it, looking, and taking it back.
 */
import { z } from "zod";
import {
  ExperimentId,
  type Move,
  type MovePreview,
  PersonId,
  type QueueForecast,
  smallest,
} from "@tiller/schema";
import { lanesOf } from "./eligible.ts";
import { applyMove } from "./rules.ts";
import { type Db, sql } from "@tiller/store";

const Lane = z.object({
  lane: z.number(),
  kind: z.string(),
  experiment: ExperimentId.nullable(),
  open: z.number(),
});
const Assigned = z.object({ person: z.string(), lane: z.number(), place: z.number() });
const Pace = z.object({
  person: z.string(),
  kind: z.string(),
  perDay: z.number(),
  measured: z.boolean(),
});

/** A guess for people without a history: four hours a day. */
const GUESSED_SECONDS_A_DAY = 4 * 3600;
const GUESSED_SECONDS = 60;

const lanesNow = (db: Db) =>
  db.many(
    sql`select la.id as lane, la.kind, la.experiment, coalesce(sum(b.wanted - b.done), 0)::int as open
        from lane la left join batch b on b.type = la.kind and b.consumed_at is null and b.cancelled_at is null
          and (b.experiment = la.experiment or (la.experiment is null and not exists (select 1 from lane o where o.kind = la.kind and o.experiment = b.experiment)))
        group by la.id order by la.kind, la.experiment nulls first`,
    Lane,
  );
const assigned = (db: Db) =>
  db.many(
    sql`select p.id as person, x.lane, x.place from person p cross join lateral ${lanesOf(sql`p.id`)} x
        where p.role = 'rater' or exists (select 1 from roster r where r.person = p.id)`,
    Assigned,
  );
/** Answers a day: over the last seven days with the person's own; else from the kind's seconds an answer. */
const paces = (db: Db) =>
  db.many(
    sql`with recent as (select * from day_count where day > (now() at time zone 'utc')::date - 7 and kind <> ''),
          kinds as (select kind, sum(seconds) / nullif(sum(answered), 0) as seconds from recent group by kind),
          mine as (select person, kind, sum(answered)::float8 / count(*) as "perDay" from recent where answered > 0 group by person, kind)
        select p.id as person, k.kind,
          coalesce(m."perDay", ${GUESSED_SECONDS_A_DAY} / greatest(1, coalesce(s.seconds, ${GUESSED_SECONDS})))::float8 as "perDay",
          m."perDay" is not null as measured
        from person p cross join (select distinct kind from lane) k
        left join kinds s on s.kind = k.kind
        left join mine m on m.person = p.id and m.kind = k.kind
        where p.role = 'rater' or exists (select 1 from roster r where r.person = p.id)`,
    Pace,
  );

type State = Awaited<ReturnType<typeof look>>;
const look = async (db: Db) => {
  const lanes = await lanesNow(db);
  const people = await assigned(db);
  const pace = new Map<string, z.infer<typeof Pace>>();
  for (const p of await paces(db)) pace.set(`${p.person}\n${p.kind}`, p);
  return { lanes, people, pace };
};

/**
 * Lets time run: everyone works in the first of their places that still has work, spread over its lanes by how much is
 * left there, until nothing moves any more.
 */
function run({ lanes, people, pace }: State): QueueForecast[] {
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
        const p = pace.get(`${person}\n${kind.get(lane)}`)!;
        const share = (p.perDay * left.get(lane)!) / total;
        rate.set(lane, (rate.get(lane) ?? 0) + share);
        if (doneAt.size === 0 && now === 0) {
          const f = first.get(lane) ?? { perDay: 0, measured: false };
          first.set(lane, { perDay: f.perDay + share, measured: f.measured || p.measured });
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

/** Every queue with its forecast. */
export const forecastQueues = async (db: Db): Promise<QueueForecast[]> => run(await look(db));

/** Answers still wanted in the lanes a person may take from now. */
const availableTo = (s: State, person: string) => {
  const open = new Map(s.lanes.map((l) => [l.lane, l.open]));
  return s.people.filter((a) => a.person === person).reduce((sum, a) => sum + open.get(a.lane)!, 0);
};

class TakeBack extends Error {}

/** What a move would change: made in a transaction, looked at, and rolled back. */
export async function previewMove(db: Db, move: Move): Promise<MovePreview> {
  const moved = "queue" in move ? [move.to, ...(move.from ? [move.from] : [])] : [move.who];
  const people = await db.many(
    sql`select id as person, pseudonym from person where id = any(${moved.flatMap((w) => ("person" in w ? [w.person] : []))})
          or id in (select person from work_group_member where grp = any(${moved.flatMap((w) => ("group" in w ? [w.group] : []))})) order by pseudonym`,
    z.object({ person: PersonId, pseudonym: z.string() }),
  );
  let states: { before: State; after: State } | undefined;
  try {
    await db.transaction(async (tx) => {
      const before = await look(tx);
      await applyMove(tx, move);
      states = { before, after: await look(tx) };
      throw new TakeBack();
    });
  } catch (e) {
    if (!(e instanceof TakeBack)) throw e;
  }
  const { before, after } = states!;
  const [was, will] = [run(before), run(after)];
  return {
    people: people.map((p) => ({
      ...p,
      availableBefore: availableTo(before, p.person),
      availableAfter: availableTo(after, p.person),
    })),
    queues: will.flatMap((a) => {
      const b = was.find((x) => x.kind === a.kind && x.experiment === a.experiment);
      const none = { ...a, open: 0, people: 0, perDay: 0, days: 0, measured: false };
      const changed = !b || b.people !== a.people || b.perDay !== a.perDay || b.days !== a.days;
      return changed
        ? [{ kind: a.kind, experiment: a.experiment, before: b ?? none, after: a }]
        : [];
    }),
  };
}
