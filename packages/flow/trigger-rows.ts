/** Triggers and their firings: one row an event, claimed by one server at a time. */
import { z } from "zod";
import {
  type NewTrigger,
  type PersonId,
  TillerError,
  Trigger,
  type TriggerOn,
} from "@tiller/schema";
import { type Db, sql } from "@tiller/store";

export const TRIGGER_CHANNEL = "tiller_trigger";
/** A firing that nobody finished is free again after this: its server may be dead. */
export const CLAIM_SECONDS = 30;
const FIRINGS = 5; // shown

const columns = sql`t.id, t.name, t.workflow, t.input, t.agents, t.budget, t.fires_on as "on", t.active, t.next_at as "nextAt",
  (select count(*)::int from trigger_firing f where f.trigger = t.id) as fired,
  (select f.experiment from trigger_firing f where f.trigger = t.id and f.experiment is not null order by f.at desc limit 1) as "lastExperiment",
  (select f.error from trigger_firing f where f.trigger = t.id order by f.at desc limit 1) as "lastError",
  coalesce((select jsonb_agg(jsonb_build_object('event', f.event, 'at', to_char(f.at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'state', f.state, 'experiment', f.experiment, 'error', f.error) order by f.at desc)
    from (select * from trigger_firing f where f.trigger = t.id order by f.at desc limit ${FIRINGS}) f), '[]') as firings`;

export const listTriggers = (db: Db): Promise<Trigger[]> =>
  db.many(sql`select ${columns} from trigger t order by t.name`, Trigger);

/** The time that schedules go by, the same for every server. */
export const databaseTime = async (db: Db): Promise<Date> =>
  new Date(await db.value(sql`select clock_timestamp()`, z.iso.datetime()));

export async function addTrigger(
  db: Db,
  by: PersonId,
  t: NewTrigger,
  nextAt: Date | null,
): Promise<void> {
  const made = await db.run(
    sql`insert into trigger (name, workflow, input, agents, budget, fires_on, next_at, created_by)
        values (${t.name}, ${t.workflow}, ${JSON.stringify(t.input ?? {})}, ${JSON.stringify(t.agents)}, ${JSON.stringify(t.budget)}, ${JSON.stringify(t.on)}, ${nextAt}, ${by})
        on conflict do nothing`,
  );
  if (!made)
    throw new TillerError(
      "trigger_exists",
      `there is a trigger ${t.name} already. Remove it first, or give this one another name.`,
    );
}
export async function removeTrigger(db: Db, name: string): Promise<void> {
  if (!(await db.run(sql`delete from trigger where name = ${name}`))) gone(name);
}
const gone = (name: string): never => {
  throw new TillerError(
    "not_found",
    `there is no trigger ${name}. Look at the list: tiller trigger list.`,
  );
};
/** What sets a trigger off. */
export const triggerOn = async (db: Db, name: string): Promise<TriggerOn> =>
  (
    (await db.maybe(
      sql`select fires_on as "on" from trigger where name = ${name}`,
      Trigger.pick({ on: true }),
    )) ?? gone(name)
  ).on;
/** Pauses or resumes; every server hears of a time that changed. */
export const setTriggerActive = (
  db: Db,
  name: string,
  o: { active: boolean; nextAt: Date | null },
): Promise<void> =>
  db.transaction(async (tx) => {
    if (
      !(await tx.run(
        sql`update trigger set active = ${o.active}, next_at = ${o.nextAt} where name = ${name}`,
      ))
    )
      gone(name);
    await tx.run(sql`select pg_notify(${TRIGGER_CHANNEL}, '')`);
  });

/** The schedules whose time has come. */
export const dueSchedules = (
  db: Db,
  now: Date,
): Promise<{ id: string; cron: string; at: string }[]> =>
  db.many(
    sql`select id, fires_on ->> 'schedule' as cron, next_at as at from trigger where active and next_at <= ${now}`,
    z.object({ id: z.string(), cron: z.string(), at: z.iso.datetime() }),
  );
/** Writes the firing of a scheduled time and moves on to the next: once, however many servers try. */
export const fireSchedule = (
  db: Db,
  s: { id: string; at: string },
  next: Date | null,
): Promise<void> =>
  db.transaction(async (tx) => {
    const moved = await tx.run(
      sql`update trigger set next_at = ${next} where id = ${s.id} and next_at = ${s.at}`,
    );
    if (moved)
      await tx.run(
        sql`insert into trigger_firing (trigger, event) values (${s.id}, ${s.at}) on conflict do nothing`,
      );
  });
/** Every schedule that waits for its time. */
export const waitingSchedules = (db: Db): Promise<{ id: string; cron: string; at: string }[]> =>
  db.many(
    sql`select id, fires_on ->> 'schedule' as cron, next_at as at from trigger where active and next_at is not null`,
    z.object({ id: z.string(), cron: z.string(), at: z.iso.datetime() }),
  );
/** Moves a schedule that was not moved meanwhile to an earlier time. */
export const bringForward = (db: Db, s: { id: string; at: string }, next: Date): Promise<number> =>
  db.run(sql`update trigger set next_at = ${next} where id = ${s.id} and next_at = ${s.at}`);
export const nextSchedule = (db: Db): Promise<string | null> =>
  db.value(sql`select min(next_at) from trigger where active`, z.iso.datetime().nullable());

const Firing = Trigger.pick({
  id: true,
  name: true,
  workflow: true,
  input: true,
  agents: true,
  budget: true,
}).extend({ event: z.string() });
export type Firing = z.infer<typeof Firing>;
/** The firings that wait for their experiment; nobody else gets them for a while. */
export const claimFirings = (db: Db): Promise<Firing[]> =>
  db.many(
    sql`update trigger_firing f set claimed_at = now() from trigger t
        where t.id = f.trigger and f.state = 'pending' and (f.claimed_at is null or f.claimed_at < now() - make_interval(secs => ${CLAIM_SECONDS}) or f.claimed_at > now())
        returning t.id, t.name, t.workflow, t.input, t.agents, t.budget, f.event`,
    Firing,
  );
export const pendingFirings = (db: Db): Promise<number> =>
  db.value(sql`select count(*)::int from trigger_firing where state = 'pending'`, z.int());
export const settleFiring = (
  db: Db,
  f: Firing,
  end: { experiment: string } | { error: string },
): Promise<number> =>
  db.run(
    sql`update trigger_firing set state = ${"experiment" in end ? "started" : "failed"}, experiment = ${"experiment" in end ? end.experiment : null}, error = ${"error" in end ? end.error : null}
        where trigger = ${f.id} and event = ${f.event}`,
  );
