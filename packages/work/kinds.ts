/** Kinds of work as they are stored, with code where there is some; and what it takes to ask a project's items otherwise. */
import { z } from "zod";
import { taskNamed } from "@tiller/crowd";
import { type PersonId, type Project, TillerError, View } from "@tiller/schema";
import { type Db, sql } from "@tiller/store";
import { keyOf, type OwnKind, ownKind, type TaskDef } from "@tiller/task";
import { getGold, saveGold } from "./gold.ts";
import { laneOfProject } from "./projects.ts";
import { storeKind } from "./work.ts";

/** A kind of work: of code, or made in the browser and known by its view. */
export type KnownTask = TaskDef | OwnKind;
const baseOf = (kind: KnownTask): string | undefined => ("base" in kind ? kind.base : undefined);

const KindRow = z.object({
  name: z.string(),
  version: z.string(),
  base: z.string().nullable(),
  title: z.string(),
  instructions: z.string(),
  view: View,
});
const columns = sql`k.name, k.version, k.base, k.title, k.instructions, k.view`;
function ofRow({ base, ...stored }: z.infer<typeof KindRow>): KnownTask {
  const made = base === null ? undefined : taskNamed(base);
  const known = base === null ? taskNamed(keyOf(stored)) : undefined;
  return known ?? ownKind(stored, { base: made });
}

/** Versions count up; those of others may be words. */
export const newestFirst = sql`length(k.version) desc, k.version desc`;

/** The newest version of each kind that anybody was asked. */
export const storedKinds = async (db: Db): Promise<KnownTask[]> =>
  (
    await db.many(
      sql`select distinct on (k.name) ${columns} from task_type k where k.view is not null order by k.name, ${newestFirst}`,
      KindRow,
    )
  ).map(ofRow);

export async function storedKind(
  db: Db,
  name: string,
  version: string | undefined,
): Promise<KnownTask> {
  const row = await db.maybe(
    sql`select ${columns} from task_type k where k.name = ${name} and (${version ?? null}::text is null or k.version = ${version ?? null}) and k.view is not null
        order by ${newestFirst} limit 1`,
    KindRow,
  );
  if (row) return ofRow(row);
  const known = taskNamed(`${name}@${version ?? "1"}`);
  if (known) return known;
  throw new TillerError(
    "not_found",
    `there is no kind of work ${name}${version === undefined ? "" : `@${version}`} here. Look at the list of kinds.`,
  );
}

/** Inputs that people were asked under it, the first few. */
export const inputsOf = async (
  db: Db,
  kind: { name: string; version: string },
): Promise<unknown[]> =>
  (
    await db.many(
      sql`select input from task where type = ${kind.name} and type_version = ${kind.version} order by seq limit 2`,
      z.object({ input: z.unknown() }),
    )
  ).map((r) => r.input);

/** The kinds that a project's items were and are asked under, the present one first. */
export async function kindsOfProject(db: Db, id: string): Promise<KnownTask[]> {
  const rows = await db.many(
    sql`select ${columns} from project p cross join lateral (
          select p.type, p.type_version as version, true as present
          union select distinct t.type, t.type_version, false from task t join batch b on b.id = t.batch where b.project = p.id and (t.type, t.type_version) <> (p.type, p.type_version)
        ) x join task_type k on k.name = x.type and k.version = x.version
        where p.id = ${id} order by x.present desc, ${newestFirst}`,
    KindRow,
  );
  if (!rows.length)
    throw new TillerError("not_found", `there is no project ${id}. Look at the list of projects.`);
  return rows.map(ofRow);
}
export const kindOfProject = async (db: Db, id: string): Promise<KnownTask> =>
  (await kindsOfProject(db, id))[0]!;

/** The project's next kind: a ready-made one becomes one of its own, its own one gets a version more. */
export async function nextKind(
  db: Db,
  project: Project,
  change: Partial<Pick<TaskDef, "title" | "instructions" | "view">>,
): Promise<OwnKind> {
  const now = await kindOfProject(db, project.id);
  const own = now.name === project.id;
  const base = own ? baseOf(now) : keyOf(now);
  const version = own
    ? await db.value(
        sql`select (max(version::int) + 1)::text from task_type where name = ${project.id}`,
        z.string(),
      )
    : "1";
  return ownKind(
    {
      name: project.id,
      version,
      title: change.title ?? now.title,
      instructions: change.instructions ?? now.instructions,
      view: change.view ?? now.view,
    },
    { base: base === undefined ? undefined : taskNamed(base) },
  );
}

const Begun = z.object({ task: z.string(), place: z.number(), source: z.string() });
/** Items that nobody has begun or had, locked so that nobody begins them meanwhile. */
export const unbegun = (tx: Db, project: string): Promise<z.infer<typeof Begun>[]> =>
  tx.many(
    sql`select t.id as task, i.place, i.source::text as source from project_item i join task t on t.id = i.task
        where i.project = ${project} and t.taken = 0 and not exists (select 1 from lease l where l.task = t.id) order by i.place for update of t skip locked`,
    Begun,
  );

/**
 * Asks these items under another kind; `inputs` where it reads others. Under another name they go to batches of that kind:
 * queues and figures are of one.
 */
export async function askUnder(
  tx: Db,
  by: PersonId,
  o: {
    project: Project;
    kind: OwnKind;
    tasks: readonly string[];
    inputs: readonly unknown[] | undefined;
  },
): Promise<void> {
  const { project, kind, tasks, inputs } = o;
  await storeKind(tx, kind);
  if (kind.name !== project.type) {
    const moved = sql`(select t.batch, sum(t.people)::int as wanted from task t where t.id = any(${[...tasks]}) group by t.batch)`;
    await tx.run(
      sql`insert into batch (id, experiment, project, type, wanted, node, deadline, priority, simulated, cancelled_at)
          select b.id || '/' || ${kind.name}, null, b.project, ${kind.name}, m.wanted, b.node, b.deadline, b.priority, b.simulated, b.cancelled_at from ${moved} m join batch b on b.id = m.batch`,
    );
    await tx.run(
      sql`update batch set wanted = batch.wanted - m.wanted from ${moved} m where batch.id = m.batch`,
    );
    await tx.run(
      sql`update task set batch = batch || '/' || ${kind.name} where id = any(${[...tasks]})`,
    );
    await moveGold(tx, by, project, kind.name);
  }
  await tx.run(
    sql`update project set type = ${kind.name}, type_version = ${kind.version} where id = ${project.id}`,
  );
  await tx.run(
    sql`update task set type = ${kind.name}, type_version = ${kind.version} where id = any(${[...tasks]})`,
  );
  await tx.run(
    sql`update task set lane = ${laneOfProject(project.id)} where id = any(${[...tasks]})`,
  );
  if (inputs)
    await tx.run(
      sql`update task set input = x.input from jsonb_to_recordset(${JSON.stringify(tasks.map((id, i) => ({ id, input: inputs[i] })))}::jsonb) as x(id text, input jsonb) where task.id = x.id`,
    );
}
/** Hidden gold of the project is of its kind of work. */
async function moveGold(tx: Db, by: PersonId, project: Project, type: string): Promise<void> {
  const rows = await tx.many(
    sql`select place, gold from project_item where project = ${project.id} and gold is not null`,
    z.object({ place: z.number(), gold: z.string() }),
  );
  for (const { place, gold } of rows) {
    const { input, expected, tolerance, reason } = await getGold(tx, gold);
    const saved = await saveGold(tx, by, { type, input, expected, tolerance, reason });
    await tx.run(
      sql`update project_item set gold = ${saved.id} where project = ${project.id} and place = ${place}`,
    );
  }
}
