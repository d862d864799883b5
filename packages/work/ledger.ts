/**
 * The pay ledger. Entries are only added: the database writes one with every answer, skip and undo of a paid person
 * (migrations/007b-pay.sql), and here come rates, corrections and payslips. Sums are exact whole numbers; what is due
 * for a period is the difference of two rounded running totals, so adjacent periods add up to the cent.
 */
import { z } from "zod";
import {
  type Correction,
  LedgerEntry,
  type NewRate,
  OwnPay,
  PayLine,
  PayRate,
  type Payroll,
  type Period,
  type PersonId,
  TillerError,
} from "@tiller/schema";
import { type Db, recordAct, sql } from "@tiller/store";

/** Parts of one minor unit: milliseconds of an hour. */
export const PARTS = 3_600_000;

const rateColumns = sql`r.seq, r.kind, r.project, r.per, r.amount, r.currency, r.valid_from as "validFrom", p.pseudonym as by, r.at`;
export const listRates = (db: Db): Promise<PayRate[]> =>
  db.many(
    sql`select ${rateColumns} from pay_rate r join person p on p.id = r.by order by r.valid_from desc, r.seq desc`,
    PayRate,
  );
const currencyOf = (db: Db): Promise<string | undefined> =>
  db
    .maybe(sql`select currency from pay_rate limit 1`, z.object({ currency: z.string() }))
    .then((r) => r?.currency);

/** Adds a rate. Where it reaches back, entries of the difference are booked today; returns how many. */
export const addRate = (
  db: Db,
  actor: PersonId,
  rate: Omit<NewRate, "project"> & Partial<Pick<NewRate, "project">>,
): Promise<{ booked: number }> =>
  db.transaction(async (tx) => {
    const r = { ...rate, project: rate.project ?? null };
    await tx.run(sql`lock table pay_rate in share row exclusive mode`); // one currency, one reckoning at a time
    const currency = await currencyOf(tx);
    if (currency && currency !== r.currency)
      throw new TillerError(
        "other_currency",
        `pay is in ${currency} here, and ${r.currency} was given. Use ${currency}.`,
      );
    await tx.run(
      sql`insert into pay_rate (kind, project, per, amount, currency, valid_from, by) values (${r.kind}, ${r.project}, ${r.per}, ${r.amount}, ${r.currency}, ${r.validFrom}, ${actor})`,
    );
    const booked = await settle(tx, r);
    await recordAct(tx, {
      actor,
      action: "pay.rate",
      target: r.project ?? r.kind ?? "all kinds",
      after: { ...r, booked },
    });
    return { booked };
  });

/** Books the difference between what answers are worth by the rates and what the ledger has. Idempotent. */
function settle(db: Db, o: Pick<NewRate, "kind" | "project" | "validFrom">): Promise<number> {
  const meant = sql`(${o.project}::text is null or project_of(t.id) = ${o.project}) and (${o.kind}::text is null or t.type = ${o.kind})`;
  return db.run(sql`
    insert into ledger_entry (person, kind, answer, skip, room, seat, n, entry, task_type, parts, reason)
    select a.person, 'rate', a.id, null, null, null, null::int, null::bigint, t.type, pay_parts(t.type, project_of(t.id), a.at, e.ms, 1) - e.parts, 'a rate set for the past'
    from answer a join task t on t.id = a.task
      join lateral (select sum(milliseconds)::bigint as ms, sum(parts)::bigint as parts, count(*) filter (where kind = 'work') as entries
                    from ledger_entry where answer = a.id and kind in ('work', 'rate')) e on e.entries = 1
    where a.undone_at is null and a.at >= ${o.validFrom} and ${meant}
      and pay_parts(t.type, project_of(t.id), a.at, e.ms, 1) <> e.parts
    union all
    select l.person, 'rate', null, s.lease, null, null, null, null, t.type, pay_parts(t.type, project_of(t.id), s.at, e.ms, 0) - e.parts, 'a rate set for the past'
    from skip s join lease l on l.id = s.lease join task t on t.id = l.task
      join lateral (select sum(milliseconds)::bigint as ms, sum(parts)::bigint as parts, count(*) filter (where kind = 'skipped') as entries
                    from ledger_entry where skip = s.lease) e on e.entries = 1
    where s.at >= ${o.validFrom} and ${meant}
      and pay_parts(t.type, project_of(t.id), s.at, e.ms, 0) <> e.parts
    union all
    select x.person, 'rate', null, null, x.room, x.seat, x.n, x.seq, x.task_type, x.worth - x.so_far, 'a rate set for the past'
    from (select e.*, room_parts(e.room, substr(e.task_type, 6), e.at, e.milliseconds) as worth,
            e.parts + coalesce((select sum(r.parts) from ledger_entry r where r.entry = e.seq), 0)::bigint as so_far
          from ledger_entry e where e.kind = 'room' and e.at >= ${o.validFrom} and ${o.project}::text is null
            and (${o.kind}::text is null or e.task_type = ${o.kind})) x
    where x.worth <> x.so_far`);
}

/** A correction by hand, with its reason; whatever was there stays. */
export const correctPay = (db: Db, actor: PersonId, person: string, c: Correction): Promise<void> =>
  db.transaction(async (tx) => {
    const who = await tx.maybe(
      sql`select pseudonym from person where id = ${person}`,
      z.object({ pseudonym: z.string() }),
    );
    if (!who)
      throw new TillerError("not_found", `there is no person ${person}. Look in the roster.`);
    if (!(await currencyOf(tx)))
      throw new TillerError(
        "no_rate",
        "no rate was set yet, so no currency is known. Set one first.",
      );
    if (
      c.answer &&
      !(await tx.run(sql`select 1 from answer where id = ${c.answer} and person = ${person}`))
    )
      throw new TillerError(
        "not_found",
        `${who.pseudonym} gave no answer ${c.answer}. Leave it out, or copy it from their answers.`,
      );
    await tx.run(
      sql`insert into ledger_entry (person, kind, answer, parts, reason, by) values (${person}, 'correction', ${c.answer ?? null}, ${c.amount * PARTS}, ${c.reason}, ${actor})`,
    );
    await recordAct(tx, { actor, action: "pay.correction", target: who.pseudonym, after: c });
  });

/** What is due between two days: running totals, rounded down to whole minor units, and subtracted. */
const due = (from: string, to: string) =>
  sql`(floor(coalesce(sum(d.parts) filter (where d.day < ${to}::date), 0) / ${PARTS}::numeric)
     - floor(coalesce(sum(d.parts) filter (where d.day < ${from}::date), 0) / ${PARTS}::numeric))::float8`;
const within = (p: Period) => sql`d.day >= ${p.from}::date and d.day < ${p.to}::date`;

/** The payroll of a period: everyone with time, pieces or money in it. */
export async function payroll(db: Db, p: Period, o: { names: boolean }): Promise<Payroll> {
  const lines = await db.many(
    sql`select * from (
          select d.person, p.pseudonym, ${o.names ? sql`p.name` : sql`null`} as name,
            coalesce(sum(d.milliseconds) filter (where ${within(p)}), 0)::float8 / 1000 as seconds,
            coalesce(sum(d.pieces) filter (where ${within(p)}), 0)::int as pieces,
            (coalesce(sum(d.corrections) filter (where ${within(p)}), 0) / ${PARTS})::float8 as corrections,
            ${due(p.from, p.to)} as due
          from pay_day d join person p on p.id = d.person where d.day < ${p.to}::date group by d.person, p.pseudonym, p.name) x
        where seconds <> 0 or pieces <> 0 or corrections <> 0 or due <> 0 order by pseudonym`,
    PayLine,
  );
  return { ...p, currency: (await currencyOf(db)) ?? null, lines };
}

/** A person's own pay for a period. */
export async function payOf(db: Db, person: PersonId, p: Period): Promise<OwnPay> {
  const days = await db.many(
    sql`select day::text, milliseconds::float8 / 1000 as seconds, pieces, (floor(upto / ${PARTS}::numeric) - floor((upto - parts) / ${PARTS}::numeric))::float8 as due
        from (select d.*, sum(parts) over (order by day) as upto from pay_day d where person = ${person}) d where ${within(p)} order by day`,
    OwnPay.shape.days.element,
  );
  const corrections = await db.many(
    sql`select at, (parts / ${PARTS})::float8 as amount, reason from ledger_entry
        where person = ${person} and kind = 'correction' and day >= ${p.from}::date and day < ${p.to}::date order by seq`,
    OwnPay.shape.corrections.element,
  );
  const rooms = await db.many(
    sql`select coalesce(r.name, e.room) as name, e.room,
          (coalesce(sum(e.milliseconds) filter (where e.task_type = 'room reading'), 0) / 1000)::float8 as reading,
          (coalesce(sum(e.milliseconds) filter (where e.task_type = 'room writing'), 0) / 1000)::float8 as writing,
          (coalesce(sum(e.milliseconds) filter (where e.task_type = 'room waiting'), 0) / 1000)::float8 as waiting,
          (sum(e.parts) / ${PARTS}::numeric)::float8 as due
        from ledger_entry e left join room r on r.id = e.room
        where e.person = ${person} and e.room is not null and e.day >= ${p.from}::date and e.day < ${p.to}::date
        group by e.room, r.name order by max(e.seq) desc`,
    OwnPay.shape.rooms.element,
  );
  const { paid } = await db.one(
    sql`select paid from person where id = ${person}`,
    z.object({ paid: z.boolean() }),
  );
  const total = (of: (d: (typeof days)[number]) => number) => days.reduce((s, d) => s + of(d), 0);
  return {
    ...p,
    currency: (await currencyOf(db)) ?? null,
    paid,
    seconds: total((d) => d.seconds),
    pieces: total((d) => d.pieces),
    due: total((d) => d.due),
    days,
    rooms,
    corrections,
    rates: (await listRates(db)).map(({ kind, project, per, amount, validFrom }) => ({
      kind,
      project,
      per,
      amount,
      validFrom,
    })),
  };
}

/** Entries in the order they were written, after `after`; of one person, when named. */
export const ledgerEntries = (
  db: Db,
  o: { period: Period; person?: string | undefined; after?: number; limit: number },
): Promise<LedgerEntry[]> =>
  db.many(
    sql`select e.seq, e.at, e.day::text, p.pseudonym, e.kind, e.answer, e.room, e.task_type as "taskType", e.milliseconds, e.pieces, e.parts, e.reason
        from ledger_entry e join person p on p.id = e.person
        where e.seq > ${o.after ?? 0} and e.day >= ${o.period.from}::date and e.day < ${o.period.to}::date
          and (${o.person ?? null}::text is null or e.person = ${o.person ?? null}) order by e.seq limit ${o.limit}`,
    LedgerEntry,
  );
