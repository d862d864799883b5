/** Projects: rows of a file as tasks of their own batches, which no workflow waits for. `data/items.ts` reads the files. */
import { z } from "zod";
import { taskNamed } from "@tiller/crowd";
import {
  type ChangeProject,
  type ItemMapping,
  type PersonId,
  Project,
  requireStorable,
  TillerError,
  View,
} from "@tiller/schema";
import { type Db, type Sql, sql } from "@tiller/store";
import { keyOf, type OwnKind, ownKind, type TaskDef } from "@tiller/task";
import { saveGold } from "./gold.ts";
import { setPriority } from "./rules.ts";
import { postBatch, storeKind } from "./work.ts";

/** A project's kind of work: ready-made, or of its own and known by its view alone. */
export type ProjectKind = TaskDef | OwnKind;
export const baseOf = (kind: ProjectKind): string | undefined =>
  "base" in kind ? kind.base : undefined;

const columns = sql`p.id, p.title, p.type, p.type_version as "typeVersion", k.title as question, p.mapping, p.people, p.deadline, p.state, w.pseudonym as by, p.at,
  (select count(task)::int from project_item i where i.project = p.id) as items, (select count(gold)::int from project_item i where i.project = p.id) as gold,
  coalesce(b.done, 0)::int as answers, coalesce(b.wanted, 0)::int as wanted`;
const tables = sql`project p join person w on w.id = p.by join task_type k on k.name = p.type and k.version = p.type_version
  left join lateral (select sum(b.done) + coalesce(sum(n.n), 0) as done, sum(b.wanted) as wanted from batch b
    left join lateral (select sum(t.n) as n from batch_tick t where t.batch = b.id) n on true where b.project = p.id) b on true`;

export const listProjects = (db: Db): Promise<Project[]> =>
  db.many(sql`select ${columns} from ${tables} order by p.at desc, p.id`, Project);

const unknown = (id: string) =>
  new TillerError("not_found", `there is no project ${id}. Look at the list of projects.`);
export async function getProject(db: Db, id: string): Promise<Project> {
  const found = await db.maybe(sql`select ${columns} from ${tables} where p.id = ${id}`, Project);
  if (!found) throw unknown(id);
  return found;
}

const KindRow = z.object({
  name: z.string(),
  version: z.string(),
  base: z.string().nullable(),
  title: z.string(),
  instructions: z.string(),
  view: View,
});
/** The kinds of work that its items were and are asked under, as stored, the present one first; with code where there is. */
export async function kindsOfProject(db: Db, id: string): Promise<ProjectKind[]> {
  const rows = await db.many(
    sql`select k.name, k.version, k.base, k.title, k.instructions, k.view from project p cross join lateral (
          select p.type, p.type_version as version, true as present
          union select distinct t.type, t.type_version, false from task t join batch b on b.id = t.batch where b.project = p.id and (t.type, t.type_version) <> (p.type, p.type_version)
        ) x join task_type k on k.name = x.type and k.version = x.version
        where p.id = ${id} order by x.present desc, length(k.version) desc, k.version desc`,
    KindRow,
  );
  if (!rows.length) throw unknown(id);
  return rows.map(storedKind);
}
function storedKind({ base, ...stored }: z.infer<typeof KindRow>): ProjectKind {
  const made = base === null ? undefined : taskNamed(base);
  const known = base === null ? taskNamed(keyOf(stored)) : undefined;
  return known ?? ownKind(stored, { base: made });
}
export async function kindOfProject(db: Db, id: string): Promise<ProjectKind> {
  const [present] = await kindsOfProject(db, id);
  return present!;
}

export interface ProjectRow {
  readonly input: unknown;
  /** the row's JSON, as it stood in the file */
  readonly source: string;
  readonly answer: Readonly<Record<string, unknown>> | undefined;
  readonly gold: boolean;
}

export async function createProject(
  db: Db,
  by: PersonId,
  p: {
    id: string;
    title: string;
    kind: ProjectKind;
    mapping: ItemMapping;
    people: number;
    deadline: string | undefined;
  },
): Promise<void> {
  requireStorable({ title: p.title, mapping: p.mapping }, "project");
  await storeKind(db, p.kind);
  await db.run(
    sql`insert into project (id, title, type, type_version, mapping, people, deadline, by)
        values (${p.id}, ${p.title}, ${p.kind.name}, ${p.kind.version}, ${JSON.stringify(p.mapping)}, ${p.people}, ${p.deadline ?? null}, ${by})`,
  );
}

/** The next rows of a project, in a batch of their own. Inside the transaction of all that one file brings. */
export async function postRows(
  tx: Db,
  by: PersonId,
  project: Project,
  kind: ProjectKind,
  rows: readonly ProjectRow[],
): Promise<void> {
  const first = await tx.value(
    sql`select coalesce(max(place), 0) + 1 from project_item where project = ${project.id}`,
    z.number(),
  );
  const batch = `project/${project.id}/${first}`;
  const placed = rows.map((row, i) => ({ ...row, place: first + i }));
  const asked = placed.filter((row) => !row.gold);
  if (asked.length)
    await postBatch(tx, {
      id: batch,
      experiment: null,
      project: project.id,
      type: kind,
      people: project.people,
      inputs: asked.map((row) => ({ id: String(row.place), input: row.input })),
      ...(project.deadline ? { deadline: new Date(project.deadline) } : {}),
    });
  const golds: (string | null)[] = [];
  for (const row of placed) golds.push(row.gold ? await goldOf(tx, by, project, row) : null);
  await tx.run(
    sql`insert into project_item (project, place, task, gold, source, answer)
        select ${project.id}, place, case when gold is null then ${`${batch}/`} || place end, gold, source::json, answer::jsonb
        from unnest(${placed.map((x) => x.place)}::int[], ${golds}::text[], ${placed.map((x) => x.source)}::text[],
          ${placed.map((x) => (x.answer ? JSON.stringify(x.answer) : null))}::text[]) as x(place, gold, source, answer)`,
  );
  if (project.state !== "open") await setState(tx, project.id, project.state);
}
async function goldOf(
  tx: Db,
  by: PersonId,
  project: Project,
  row: { place: number; input: unknown; answer: ProjectRow["answer"] },
): Promise<string> {
  const saved = await saveGold(tx, by, {
    type: project.type,
    input: row.input,
    expected: { ...row.answer },
    tolerance: 0,
    reason: `Item ${row.place} of the project ${project.title} came with this answer.`,
  });
  return saved.id;
}

/** Where a project's tasks stand: only an open one's are handed out. What somebody has in hand may be finished. */
export const laneOfProject = (project: string): Sql =>
  sql`(select l.id from lane l join project p on p.id = ${project} and p.state = 'open'
       where l.kind = task.type and (l.experiment = p.id or l.experiment is null) order by l.experiment nulls last limit 1)`;
async function setState(tx: Db, id: string, state: Project["state"]): Promise<void> {
  const open = state === "open";
  await tx.run(sql`update project set state = ${state} where id = ${id}`);
  await tx.run(
    sql`update batch set cancelled_at = ${open ? sql`null` : sql`coalesce(cancelled_at, now())`} where project = ${id}`,
  );
  await tx.run(
    sql`update task set lane = ${laneOfProject(id)} from batch b where b.id = task.batch and b.project = ${id} and task.taken < task.people`,
  );
}

export const changeProject = (
  db: Db,
  by: PersonId,
  id: string,
  c: ChangeProject,
): Promise<Project> =>
  db.transaction(async (tx) => {
    const known = await tx.run(sql`select 1 from project where id = ${id} for update`);
    if (!known) throw unknown(id);
    if (c.title !== undefined) {
      requireStorable({ title: c.title }, "project");
      await tx.run(sql`update project set title = ${c.title} where id = ${id}`);
    }
    if (c.deadline !== undefined) {
      await tx.run(sql`update project set deadline = ${c.deadline} where id = ${id}`);
      const batches = await tx.many(
        sql`select id as batch, priority from batch where project = ${id} order by id for update`,
        z.object({ batch: z.string(), priority: z.number() }),
      );
      const deadline = c.deadline === null ? null : new Date(c.deadline);
      for (const b of batches) await setPriority(tx, by, { ...b, deadline });
    }
    if (c.state !== undefined) await setState(tx, id, c.state);
    return getProject(tx, id);
  });
