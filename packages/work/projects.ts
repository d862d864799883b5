/** Projects: rows of a file as tasks of their own batches, which no workflow waits for. `data/items.ts` reads the files. */
import { z } from "zod";
import { kindOf } from "@tiller/crowd";
import {
  type ChangeProject,
  type ItemMapping,
  type PersonId,
  Project,
  requireStorable,
  TillerError,
  View,
} from "@tiller/schema";
import { type Db, sql } from "@tiller/store";
import { fieldsOf, outputOf, type TaskDef } from "@tiller/task";
import { saveGold } from "./gold.ts";
import { setPriority } from "./rules.ts";
import { postBatch, storeKind } from "./work.ts";

/** A project's kind of work: ready-made, or of its own and known by its view alone. */
export type ProjectKind = Pick<
  TaskDef,
  "name" | "version" | "title" | "instructions" | "view" | "input" | "output" | "aggregate"
>;

/** A kind of the project's own, made from a ready-made one. Its answers are joined as that one's where it still asks the same. */
export function ownKind(
  base: TaskDef,
  o: { name: string; title?: string; instructions?: string; view?: View },
): ProjectKind {
  const view = o.view ?? base.view;
  return {
    name: o.name,
    version: "1",
    title: o.title ?? base.title,
    instructions: o.instructions ?? base.instructions,
    view,
    input: o.view ? z.looseObject({}) : base.input,
    output: outputOf(view),
    aggregate: aggregateLike(base, view),
  };
}
function aggregateLike(base: TaskDef, view: View): NonNullable<TaskDef["aggregate"]> {
  const kinds = new Map(fieldsOf(base.view).map((f) => [f.name, f.kind]));
  const same = new Set(
    fieldsOf(view).flatMap((f) => (kinds.get(f.name) === f.kind ? [f.name] : [])),
  );
  return Object.fromEntries(
    Object.entries(base.aggregate ?? {}).filter(([name]) => same.has(name)),
  );
}

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
/** The kind of work of a project, as it was stored; with the code of the ready-made one where it is that. */
export async function kindOfProject(db: Db, id: string): Promise<ProjectKind> {
  const row = await db.maybe(
    sql`select k.name, k.version, p.base, k.title, k.instructions, k.view from project p join task_type k on k.name = p.type and k.version = p.type_version where p.id = ${id}`,
    KindRow,
  );
  if (!row) throw unknown(id);
  const { base, ...stored } = row;
  if (base === null) {
    const known = kindOf(row.name, row.version);
    if (known) return known;
  }
  const [name, version] = (base ?? "").split("@");
  const made = name && version ? kindOf(name, version) : undefined;
  return {
    ...stored,
    input: z.looseObject({}),
    output: outputOf(row.view),
    aggregate: made ? aggregateLike(made, row.view) : {},
  };
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
    base: string | undefined;
    mapping: ItemMapping;
    people: number;
    deadline: string | undefined;
  },
): Promise<void> {
  requireStorable({ title: p.title, mapping: p.mapping }, "project");
  await storeKind(db, p.kind);
  await db.run(
    sql`insert into project (id, title, type, type_version, base, mapping, people, deadline, by)
        values (${p.id}, ${p.title}, ${p.kind.name}, ${p.kind.version}, ${p.base ?? null}, ${JSON.stringify(p.mapping)}, ${p.people}, ${p.deadline ?? null}, ${by})`,
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

/** Only an open project's tasks are handed out: the others' stand in no lane. What somebody has in hand may be finished. */
async function setState(tx: Db, id: string, state: Project["state"]): Promise<void> {
  const open = state === "open";
  await tx.run(sql`update project set state = ${state} where id = ${id}`);
  await tx.run(
    sql`update batch set cancelled_at = ${open ? sql`null` : sql`coalesce(cancelled_at, now())`} where project = ${id}`,
  );
  await tx.run(
    sql`update task set lane = ${open ? sql`(select l.id from lane l where l.kind = task.type and l.experiment is null)` : sql`null`}
        from batch b where b.id = task.batch and b.project = ${id} and task.taken < task.people`,
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
