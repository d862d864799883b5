/**
 * What the forecast of the queues is made from: answers still wanted (from the batches' counters, never by counting tasks),
 * who may work on what, and what each did lately. A move is previewed by making it, looking, and taking it back.
 */
import { z } from "zod";
import { availableTo, forecast, type Queues } from "@tiller/crowd";
import {
  ExperimentId,
  type Move,
  type MovePreview,
  PersonId,
  type QueueForecast,
} from "@tiller/schema";
import { type Db, sql } from "@tiller/store";
import { lanesOf } from "./eligible.ts";
import { applyMove } from "./rules.ts";

const Lane = z.object({
  lane: z.number(),
  kind: z.string(),
  experiment: ExperimentId.nullable(),
  open: z.number(),
});
const Assigned = z.object({
  person: z.string(),
  lane: z.number(),
  place: z.number(),
  here: z.boolean(),
});
const Worked = z.object({
  person: z.string(),
  kind: z.string(),
  answered: z.number(),
  days: z.number(),
  seconds: z.number(),
});

const lanesNow = (db: Db) =>
  db.many(
    sql`select la.id as lane, la.kind, la.experiment, coalesce(sum(b.wanted - b.done), 0)::int as open
        from lane la left join batch b on b.type = la.kind and b.consumed_at is null and b.cancelled_at is null
          and (coalesce(b.experiment, b.project) = la.experiment or (la.experiment is null and not exists (select 1 from lane o where o.kind = la.kind and o.experiment = coalesce(b.experiment, b.project))))
        group by la.id order by la.kind, la.experiment nulls first`,
    Lane,
  );
/** Days without a sign of life after which somebody is away: nobody counts on them. */
const AWAY = 7;
const isHere = sql`(p.simulated or exists (select 1 from token t where t.person = p.id and t.kind <> 'link' and t.seen_at > now() - make_interval(days => ${AWAY}))
  or exists (select 1 from day_count d where d.person = p.id and d.day > (now() at time zone 'utc')::date - ${AWAY}::int))`;
/** Who may, and whether they are here. A simulated person works on a lane only as long as something there lets them answer. */
const assigned = (db: Db) =>
  db.many(
    sql`select p.id as person, x.lane, x.place, ${isHere} as here from person p cross join lateral ${lanesOf(sql`p.id`)} x
        where (p.role = 'rater' or exists (select 1 from roster r where r.person = p.id)) and p.disabled_at is null
          and (not p.simulated or exists (select 1 from batch b where b.type = x.kind and b.simulated and b.consumed_at is null and b.cancelled_at is null))`,
    Assigned,
  );
/** The last seven days, from the days' counts. */
const worked = (db: Db) =>
  db.many(
    sql`select person, kind, sum(answered)::float8 as answered, count(*) filter (where answered > 0)::int as days, sum(seconds)::float8 as seconds
        from day_count where day > (now() at time zone 'utc')::date - 7 and kind <> '' group by person, kind`,
    Worked,
  );
const look = async (db: Db): Promise<Queues> => ({
  lanes: await lanesNow(db),
  people: await assigned(db),
  worked: await worked(db),
});

/** Every queue with its forecast. */
export const forecastQueues = async (db: Db): Promise<QueueForecast[]> => forecast(await look(db));

class TakeBack extends Error {}

/** What a move would change: made in a transaction, looked at, and rolled back. */
export async function previewMove(db: Db, move: Move): Promise<MovePreview> {
  const moved = "queue" in move ? [move.to, ...(move.from ? [move.from] : [])] : [move.who];
  const people = await db.many(
    sql`select id as person, pseudonym from person where id = any(${moved.flatMap((w) => ("person" in w ? [w.person] : []))})
          or id in (select person from work_group_member where grp = any(${moved.flatMap((w) => ("group" in w ? [w.group] : []))})) order by pseudonym`,
    z.object({ person: PersonId, pseudonym: z.string() }),
  );
  let states: { before: Queues; after: Queues } | undefined;
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
  const [was, will] = [forecast(before), forecast(after)];
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
