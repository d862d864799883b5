/**
 * Experiments set aside: held by a person, because they ended the process that ran them, or because the code of one of
 * their workflows is not there. All of it is in the database, so it works with and without a server. The unfinished
 * workflows of such an experiment belong to an executor that no server is: nobody takes them over, and what still runs of
 * them somewhere records nothing any more.
 */
import { TillerError } from "@tiller/schema";
import { z } from "zod";
import { cancelBatches } from "@tiller/work";
import { endExperiment } from "@tiller/lab";
import { cancelNodes } from "./nodes.ts";
import { atOrBelow, type Db, type Sql, sql } from "@tiller/store";

const ASIDE = "set aside";
const QUEUE = "_dbos_internal_queue"; // of DBOS: what is resumed waits there for any server
/** An experiment that ends its process this often within the time below is set aside. */
export const MOST_DEATHS = 2;
const COUNTED = "1 hour";

const open = sql`status in ('PENDING', 'ENQUEUED', 'DELAYED')`;
/** All of an experiment: every place of it begins with its id. */
const at = (experiment: string): Sql =>
  sql`(workflow_uuid = ${experiment} or starts_with(workflow_uuid, ${`${experiment}/`}))`;
/** Before the first start of a server there are no workflows. */
const hasWorkflows = (db: Db): Promise<boolean> =>
  db.value(sql`select to_regclass('dbos.workflow_status') is not null`, z.boolean());

const Unended = z.object({ state: z.string() });
/** The experiment, which must not have ended. */
async function unended(db: Db, experiment: string, what: string): Promise<string> {
  const row = await db.maybe(sql`select state from experiment where id = ${experiment}`, Unended);
  if (!row)
    throw new TillerError(
      "not_found",
      `there is no experiment ${experiment}. Look it up: tiller experiment list.`,
    );
  if (row.state !== "running" && row.state !== "held")
    throw new TillerError("ended", `${experiment} is ${row.state}: it cannot be ${what} any more.`);
  return row.state;
}

async function aside(db: Db, experiment: string, h: Omit<Trouble, "experiment">): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.run(
      sql`update experiment set state = 'held', error = ${h.why} where id = ${experiment} and state in ('running', 'held')`,
    );
    await tx.run(
      sql`insert into experiment_trouble (experiment, kind, deaths, why, names) values (${experiment}, ${h.kind}, ${h.deaths}, ${h.why}, ${[...h.names]})
          on conflict (experiment) do update set kind = excluded.kind, deaths = excluded.deaths, why = excluded.why, names = excluded.names, at = now()`,
    );
    if (await hasWorkflows(tx))
      await tx.run(
        sql`update dbos.workflow_status set status = 'PENDING', executor_id = ${ASIDE}, owner_xid = null, started_at_epoch_ms = null where ${at(experiment)} and ${open}`,
      );
  });
}

/** Sets an experiment aside until somebody releases it. */
export async function holdExperiment(db: Db, experiment: string, why: string): Promise<void> {
  await unended(db, experiment, "held");
  await aside(db, experiment, { kind: "held", deaths: 0, why, names: [] });
}

/** Lets an experiment that was set aside go on, on this server or at the next start of one. */
export async function releaseExperiment(db: Db, experiment: string): Promise<void> {
  const state = await unended(db, experiment, "released");
  if (state !== "held")
    throw new TillerError(
      "not_held",
      `${experiment} is not held: it runs. There is nothing to release.`,
    );
  await db.transaction(async (tx) => {
    await tx.run(
      sql`update experiment set state = 'running', error = null where id = ${experiment} and state = 'held'`,
    );
    await tx.run(sql`delete from experiment_trouble where experiment = ${experiment}`);
    if (await hasWorkflows(tx))
      await tx.run(
        sql`update dbos.workflow_status set status = 'ENQUEUED', queue_name = ${QUEUE}, recovery_attempts = 0 where ${at(experiment)} and status = 'PENDING' and executor_id = ${ASIDE}`,
      );
  });
}

/** Ends a node, all below it and what it asked of people. Whoever runs it finds out at its next call. */
export async function cancelInDatabase(db: Db, node: string, why: string): Promise<void> {
  const experiment = node.split("/")[0]!;
  await unended(db, experiment, "cancelled");
  if (await hasWorkflows(db))
    await db.run(
      sql`update dbos.workflow_status set status = 'CANCELLED', owner_xid = null, queue_name = null, started_at_epoch_ms = null, completed_at = (extract(epoch from now()) * 1000)::bigint where ${atOrBelow(sql`workflow_uuid`, node)} and ${open}`,
    );
  await cancelBatches(db, node);
  await cancelNodes(db, node, why);
  if (node === experiment) await endExperiment(db, experiment, { state: "cancelled", error: why });
}

export interface Trouble {
  readonly experiment: string;
  readonly kind: "struck" | "held" | "code";
  readonly deaths: number;
  readonly why: string;
  readonly names: readonly string[];
}
/** An experiment ended the process that ran it. The second time it is set aside; returns whether it was. */
export async function strikeExperiment(db: Db, experiment: string, why: string): Promise<boolean> {
  const found = await db.maybe(
    sql`insert into experiment_trouble (experiment, kind, deaths, why) select id, 'struck', 1, ${why} from experiment where id = ${experiment} and state = 'running'
        on conflict (experiment) do update set why = excluded.why, at = now(),
          deaths = case when experiment_trouble.at > now() - ${COUNTED}::interval then experiment_trouble.deaths + 1 else 1 end returning deaths`,
    z.object({ deaths: z.number() }),
  );
  if (!found || found.deaths < MOST_DEATHS) return false;
  const { deaths } = found;
  const told = `it is held: it ended the process that runs workflows ${deaths} times, the last time because ${why}. Mend the workflow and release the experiment, or cancel it.`;
  await aside(db, experiment, { kind: "held", deaths, why: told, names: [] });
  return true;
}

/** What is set aside, for whoever starts the server. */
export const listHeld = (db: Db): Promise<Trouble[]> =>
  db.many(
    sql`select t.experiment, t.kind, t.deaths, t.why, t.names from experiment_trouble t join experiment e on e.id = t.experiment and e.state = 'held' order by t.at`,
    z.object({
      experiment: z.string(),
      kind: z.enum(["struck", "held", "code"]),
      deaths: z.number(),
      why: z.string(),
      names: z.array(z.string()),
    }),
  );

/** Remembers the file that workflows were loaded from, for whoever starts a server without it. */
export const noteSources = (db: Db, names: readonly string[], file: string): Promise<number> =>
  db.run(sql`insert into workflow_source (name, file) select n, ${file} from unnest(${[...names]}::text[]) n
    on conflict (name) do update set file = excluded.file, at = now()`);

const ours = sql`starts_with(name, '_dbos') or starts_with(name, 'temp_')`; // DBOS's own
/**
 * Sets aside the experiments that need a workflow which is not among `known`; only those of `executor` where it is given.
 * Returns what is missing, by experiment.
 */
export async function setAsideUnknown(
  db: Db,
  known: readonly string[],
  o: { executor?: string } = {},
): Promise<Trouble[]> {
  if (!(await hasWorkflows(db))) return [];
  const mine = o.executor === undefined ? sql`true` : sql`executor_id = ${o.executor}`;
  const lost = await db.many(
    sql`select split_part(workflow_uuid, '/', 1) as experiment, array_agg(distinct name) as names from dbos.workflow_status
        where ${open} and executor_id is distinct from ${ASIDE} and ${mine} and not (name = any(${[...known]})) and not (${ours}) group by 1`,
    z.object({ experiment: z.string(), names: z.array(z.string()) }),
  );
  const sources = await db.many(
    sql`select name, file from workflow_source where name = any(${lost.flatMap((l) => l.names)})`,
    z.object({ name: z.string(), file: z.string() }),
  );
  const troubles = lost.map(({ experiment, names }): Trouble => {
    const files = [...new Set(sources.flatMap((s) => (names.includes(s.name) ? [s.file] : [])))];
    const start = files.length
      ? `Its code was last in ${files.join(" and ")}: start the server with --workflows ${files[0]}, and it goes on by itself.`
      : "Start the server with the recipe or the --workflows file that has it, and it goes on by itself.";
    const why = `it waits for the code of ${names.join(", ")}, which this server does not have. ${start} Or take it over to a newer version (tiller experiment migrate ${experiment} --to NAME), or cancel it (tiller experiment cancel ${experiment}, or on its page).`;
    return { experiment, kind: "code", deaths: 0, why, names };
  });
  for (const t of troubles) await aside(db, t.experiment, t);
  return troubles;
}

/** Gives what was claimed by a server that lacks its code back to the queue, for one that has it. */
export const giveBackUnknown = (db: Db, known: readonly string[], executor: string) =>
  db.run(
    sql`update dbos.workflow_status set status = 'ENQUEUED', owner_xid = null, queue_name = coalesce(queue_name, ${QUEUE}), started_at_epoch_ms = null
        where status = 'PENDING' and executor_id = ${executor} and not (name = any(${[...known]})) and not (${ours})`,
  );

/** Lets the experiments go on that waited for code which is there now. */
export async function releaseKnown(db: Db, known: readonly string[]): Promise<string[]> {
  const back = (await listHeld(db))
    .filter((t) => t.kind === "code" && t.names.every((n) => known.includes(n)))
    .map((t) => t.experiment);
  for (const experiment of back) await releaseExperiment(db, experiment);
  return back;
}

/** What an experiment left under way when it ended: nobody waits for it, and what it asked leaves the desks. */
export async function leaveBehind(db: Db, experiment: string): Promise<number> {
  const left = await db.many(
    sql`update node set state = 'cancelled', ended_at = greatest(now(), started_at), brief = 'its workflow ended without awaiting it', seq = nextval('node_seq')
        where experiment = ${experiment} and id <> ${experiment} and state in ('running', 'waiting') returning id`,
    z.object({ id: z.string() }),
  );
  for (const { id } of left) await cancelBatches(db, id);
  return left.length;
}

/**
 * An experiment whose workflow has ended on record while the experiment itself says that it goes on: its end is written
 * now.
 */
export const settleEnded = (db: Db): Promise<number> =>
  db.run(
    sql`update experiment e set state = case w.status when 'CANCELLED' then 'cancelled' else 'failed' end, ended_at = greatest(now(), e.started_at),
          error = coalesce(e.error, 'its workflow ended with ' || w.status || ' and left no other word. Its trace shows how far it came.')
        from dbos.workflow_status w where w.workflow_uuid = e.id and e.state in ('running', 'held') and w.status in ('ERROR', 'CANCELLED', 'MAX_RECOVERY_ATTEMPTS_EXCEEDED')
          and w.updated_at < (extract(epoch from now()) * 1000)::bigint - 30000`,
  );
