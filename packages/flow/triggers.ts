/**
 * Starts the experiments that triggers ask for. The database writes a row an event (011-triggers.sql); a server claims the
 * row and starts an experiment whose id is made of the trigger and the event, so that a crash between the two is repaired by
 * the next sweep and starts nothing twice. Nothing is polled: the database says when there is something, and a timer
 * waits for the next scheduled time.
 */
import { createHash } from "node:crypto";
import { Cron } from "croner";
import { type NewTrigger, type PersonId, TillerError, type TriggerOn } from "@tiller/schema";
import {
  addTrigger,
  bringForward,
  CLAIM_SECONDS,
  claimFirings,
  databaseTime,
  dueSchedules,
  fireSchedule,
  type Firing,
  nextSchedule,
  pendingFirings,
  setTriggerActive,
  settleFiring,
  TRIGGER_CHANNEL,
  triggerOn,
  waitingSchedules,
} from "./trigger-rows.ts";
import { type Store } from "@tiller/store";
import type { FlowServer } from "./server.ts";

export interface Triggers {
  /** Fires the schedules that are due and starts what waits; returns the experiments started. */
  sweep(): Promise<string[]>;
  close(): Promise<void>;
}

/** The process that experiments workflows was away: nothing is wrong with the trigger. */
const passing: ReadonlySet<string> = new Set(["workflows_away", "workflows_lost"]);
const LONGEST_MS = 3_600_000; // a clock of the database elsewhere that is set is noticed within the hour
const CLOCK_MS = 30_000; // this machine's, or its sleep, within this
const SET_MS = 2000;

/** The next time after `now` that a cron expression names, in UTC. */
function nextTime(cron: string, now: Date): Date | null {
  try {
    return new Cron(cron, { timezone: "UTC" }).nextRun(now);
  } catch (cause) {
    throw noSchedule(cron, (cause as Error).message.replace(/\.$/, ""), cause);
  }
}
const noSchedule = (cron: string, why: string, cause?: unknown) =>
  new TillerError(
    "bad_schedule",
    `schedule: "${shortened(cron)}" is no schedule: ${why}. Write minute, hour, day, month and weekday, as in "0 6 * * MON".`,
    { cause },
  );

/** Checks a trigger against the workflows there are, and keeps it. */
export async function newTrigger(
  o: { store: Store; flow: FlowServer; by: PersonId; now?: Date },
  t: NewTrigger,
): Promise<void> {
  const now = o.now ?? (await databaseTime(o.store.db));
  await o.flow.check(
    t.workflow,
    filled(t.input, "schedule" in t.on ? now.toISOString() : "0".repeat(64)),
  );
  await addTrigger(o.store.db, o.by, t, firstTime(t.on, now));
}
/**
 * Five fields or a word for them: what croner takes beside (seconds, years, a single date) starts experiments by the
 * second, or once.
 */
const SCHEDULE = /^(@(hourly|daily|midnight|weekly|monthly|yearly|annually)|\S+(\s+\S+){4})$/i;
const SCHEDULE_LENGTH = 200;
const shortened = (text: string) => (text.length > 60 ? `${text.slice(0, 60)}…` : text);

/** The first time of a schedule; null where something else sets it off. */
function firstTime(on: TriggerOn, now: Date): Date | null {
  if (!("schedule" in on)) return null;
  const { length } = on.schedule;
  if (length > SCHEDULE_LENGTH)
    throw noSchedule(on.schedule, `it has ${length} characters, and at most ${SCHEDULE_LENGTH}`);
  if (!SCHEDULE.test(on.schedule.trim())) throw noSchedule(on.schedule, "it has not five fields");
  const next = nextTime(on.schedule, now);
  if (!next)
    throw new TillerError(
      "bad_schedule",
      `schedule: "${on.schedule}" names no time to come. Give one that does.`,
    );
  return next;
}
/** A paused trigger starts nothing, also not what it missed once it is resumed. */
export async function pauseTrigger(store: Store, name: string): Promise<void> {
  await setTriggerActive(store.db, name, { active: false, nextAt: null });
}
export async function resumeTrigger(store: Store, name: string, now?: Date): Promise<void> {
  const at = now ?? (await databaseTime(store.db));
  const nextAt = firstTime(await triggerOn(store.db, name), at);
  await setTriggerActive(store.db, name, { active: true, nextAt });
}

/** The input with the event's id wherever it says "$event". */
const filled = (input: unknown, event: string): unknown =>
  JSON.parse(JSON.stringify(input ?? {}), (_, v: unknown) => (v === "$event" ? event : v));

const experimentIdOf = (f: Firing): string =>
  `${f.name}-${createHash("sha256").update(`${f.id}/${f.event}`).digest("hex").slice(0, 12)}`;

export async function startTriggers(o: {
  store: Store;
  flow: FlowServer;
  /** for tests: the time that schedules go by, in place of the database's */
  now?: () => Date;
}): Promise<Triggers> {
  const { store, flow } = o;
  const { db } = store;
  const time = async () => o.now?.() ?? (await databaseTime(db));
  let closed = false;
  let timer: NodeJS.Timeout | undefined;

  const sweep = async (): Promise<string[]> => {
    const now = await time();
    for (const s of await dueSchedules(db, now)) await fireSchedule(db, s, nextTime(s.cron, now));
    // a clock that was set back has left what comes next too far ahead; a time that fired does not fire again
    for (const s of await waitingSchedules(db)) {
      const next = nextTime(s.cron, now);
      if (next && next.getTime() < Date.parse(s.at)) await bringForward(db, s, next);
    }
    const experiments: string[] = [];
    for (const f of await claimFirings(db)) {
      const { agents, budget } = f;
      const id = experimentIdOf(f);
      const origin = { kind: "trigger", trigger: f.name, event: f.event };
      try {
        await flow.start(f.workflow, filled(f.input, f.event), { id, agents, budget, origin });
        await settleFiring(db, f, { experiment: id });
        experiments.push(id);
      } catch (e) {
        // what is wrong with the trigger itself stays wrong; anything else the next sweep tries again
        if (e instanceof TillerError && !passing.has(e.code))
          await settleFiring(db, f, { error: e.message });
        else throw e;
      }
    }
    return experiments;
  };
  /** When there is something to do without word from the database. */
  const wake = async () => {
    const next = await nextSchedule(db);
    const waits = (await pendingFirings(db)) ? CLAIM_SECONDS * 1000 : LONGEST_MS;
    const now = await time();
    const until = next === null ? LONGEST_MS : Math.max(0, Date.parse(next) - now.getTime());
    clearTimeout(timer);
    if (!closed) timer = setTimeout(look, Math.min(until, waits, LONGEST_MS)).unref();
  };
  let busy: Promise<void> | undefined;
  let again = false;
  const look = (): void => {
    again = true;
    busy ??= (async () => {
      while (again && !closed) {
        again = false;
        await sweep();
        await wake();
      }
    })()
      .catch(() => {
        // a lost database: `onBack` looks again, and so does this
        clearTimeout(timer);
        if (!closed) timer = setTimeout(look, CLAIM_SECONDS * 1000).unref();
      })
      .finally(() => (busy = undefined));
  };
  const ends = [store.holder.listen(TRIGGER_CHANNEL, look), store.holder.onBack(look)];
  let ahead = Date.now() - performance.now();
  const clock = setInterval(() => {
    const before = ahead;
    ahead = Date.now() - performance.now();
    if (Math.abs(ahead - before) > SET_MS) look();
  }, CLOCK_MS).unref();
  look();
  return {
    sweep,
    close: async () => {
      closed = true;
      clearInterval(clock);
      clearTimeout(timer);
      for (const end of ends) end();
      await busy;
    },
  };
}
