/** Projects: rows of a file as tasks of their own batches, which no workflow waits for. `data/items.ts` reads the files. */
import { z } from "zod";
import {
  type ItemMapping,
  type PersonId,
  Project,
  type Requirement,
  requireStorable,
  TillerError,
} from "@tiller/schema";
import { type Db, type Sql, sql } from "@tiller/store";
import { saveGold } from "./gold.ts";
import { postBatch, storeKind, type TaskType } from "./work.ts";

const columns = sql`p.id, p.title, p.type, p.type_version as "typeVersion", k.title as question, p.mapping, p.people, p.deadline, p.state, coalesce(p.requires, '[]') as requires, p.rule,
  (select jsonb_build_object('per', r.per, 'amount', r.amount, 'currency', r.currency) from pay_rate r where r.project = p.id order by r.valid_from desc, r.seq desc limit 1) as pay, w.pseudonym as by, p.at,
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
    kind: TaskType;
    mapping: ItemMapping;
    people: number;
    deadline: string | null;
    requires: readonly Requirement[];
  },
): Promise<void> {
  requireStorable({ title: p.title, mapping: p.mapping }, "project");
  await storeKind(db, p.kind);
  await db.run(
    sql`insert into project (id, title, type, type_version, mapping, people, deadline, requires, by)
        values (${p.id}, ${p.title}, ${p.kind.name}, ${p.kind.version}, ${JSON.stringify(p.mapping)}, ${p.people}, ${p.deadline}, ${JSON.stringify(p.requires)}, ${by})`,
  );
}

/** The next rows of a project, in a batch of their own. Inside the transaction of all that one file brings. */
export async function postRows(
  tx: Db,
  by: PersonId,
  project: Project,
  kind: TaskType,
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
      requires: project.requires,
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
export async function setState(tx: Db, id: string, state: Project["state"]): Promise<void> {
  const open = state === "open";
  await tx.run(sql`update project set state = ${state} where id = ${id}`);
  await tx.run(
    sql`update batch set cancelled_at = ${open ? sql`null` : sql`coalesce(cancelled_at, now())`} where project = ${id}`,
  );
  await tx.run(
    sql`update task set lane = ${laneOfProject(id)} from batch b where b.id = task.batch and b.project = ${id} and task.taken < task.people`,
  );
}
