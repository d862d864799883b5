/** What a lead sets of a project: state, deadline, people an item, who may answer, how many answers, pay, hidden gold. */
import { z } from "zod";
import { backtest } from "@tiller/crowd";
import {
  type ChangeProject,
  type KnownItem,
  NewDelegationRule,
  type PersonId,
  type Project,
  type ProjectPay,
  type ProjectRule,
  requireStorable,
  type Requirement,
  TillerError,
} from "@tiller/schema";
import { type Db, sql } from "@tiller/store";
import { problemsOf, type Draft } from "@tiller/task";
import {
  keepBacktest,
  listDelegationRules,
  pastAnswers,
  saveDelegationRule,
  setDelegationRuleState,
} from "./delegation.ts";
import { saveGold } from "./gold.ts";
import { kindOfProject } from "./kinds.ts";
import { addRate } from "./ledger.ts";
import { beginning } from "./project-results.ts";
import { getProject, laneOfProject, setState } from "./projects.ts";
import { setPriority } from "./rules.ts";

export const changeProject = (
  db: Db,
  by: PersonId,
  id: string,
  c: ChangeProject,
): Promise<Project> =>
  db.transaction(async (tx) => {
    await tx.run(sql`select 1 from project where id = ${id} for update`);
    const project = await getProject(tx, id);
    if (c.title !== undefined) {
      requireStorable({ title: c.title }, "project");
      await tx.run(sql`update project set title = ${c.title} where id = ${id}`);
    }
    if (c.deadline !== undefined) await setDeadline(tx, by, id, c.deadline);
    if (c.people !== undefined) await setPeople(tx, id, c.people);
    if (c.requires !== undefined) await setRequires(tx, id, c.requires);
    if (c.rule !== undefined) await setProjectRule(tx, by, project, c.rule);
    if (c.pay !== undefined) await setPay(tx, by, project, c.pay);
    if (c.state !== undefined) await setState(tx, id, c.state);
    return getProject(tx, id);
  });

async function setDeadline(tx: Db, by: PersonId, id: string, to: string | null): Promise<void> {
  await tx.run(sql`update project set deadline = ${to} where id = ${id}`);
  const batches = await tx.many(
    sql`select id as batch, priority from batch where project = ${id} order by id for update`,
    z.object({ batch: z.string(), priority: z.number() }),
  );
  const deadline = to === null ? null : new Date(to);
  for (const b of batches) await setPriority(tx, by, { ...b, deadline });
}

/** Of every item; who is at one, or has answered, keeps the place. */
async function setPeople(tx: Db, id: string, people: number): Promise<void> {
  await tx.run(sql`update project set people = ${people} where id = ${id}`);
  await tx.run(
    sql`update task set people = greatest(${people}, taken) from batch b where b.id = task.batch and b.project = ${id}`,
  );
  await tx.run(
    sql`update task set lane = ${laneOfProject(id)} from batch b where b.id = task.batch and b.project = ${id} and task.taken < task.people`,
  );
  await tx.run(
    sql`update batch set wanted = (select coalesce(sum(t.people), 0) from task t where t.batch = batch.id) where project = ${id}`,
  );
}
async function setRequires(tx: Db, id: string, requires: readonly Requirement[]): Promise<void> {
  const body = JSON.stringify(requires);
  await tx.run(sql`update project set requires = ${body}::jsonb where id = ${id}`);
  await tx.run(
    sql`update task set requires = ${requires.length ? body : null}::jsonb from batch b where b.id = task.batch and b.project = ${id}`,
  );
}

export const setPay = (
  tx: Db,
  by: PersonId,
  project: Pick<Project, "id" | "pay">,
  pay: ProjectPay,
) =>
  JSON.stringify(pay) === JSON.stringify(project.pay)
    ? undefined
    : addRate(tx, by, {
        ...pay,
        kind: null,
        project: project.id,
        validFrom: new Date().toISOString(),
      });

/** The project's delegation rule goes live; on answers that there are it is tried first. Null: none. */
export async function setProjectRule(
  tx: Db,
  by: PersonId,
  project: Pick<Project, "id" | "type">,
  rule: ProjectRule | null,
): Promise<void> {
  const { id } = project;
  await tx.run(
    sql`update project set rule = ${rule === null ? null : JSON.stringify(rule)}::jsonb where id = ${id}`,
  );
  const name = `project-${id}`;
  const live = (await listDelegationRules(tx)).filter((r) => r.name === name && r.state === "live");
  if (rule === null) {
    for (const { version } of live)
      await setDelegationRuleState(tx, by, { name, version, state: "retired" });
    return;
  }
  const body = NewDelegationRule.parse({ ...rule, kind: project.type, experiment: id });
  const { version } = await saveDelegationRule(tx, by, { name, body });
  const past = await pastAnswers(tx, body);
  if (past.length >= 2) {
    const truth = new Map(
      past.flatMap((p) => (p.truth === null ? [] : [[p.task, p.truth] as const])),
    );
    const tried = backtest(body, { answers: past, truth, topicOf: () => "" });
    await keepBacktest(tx, { name, version, backtest: tried });
  }
  const untried = past.length < 2; // a new project has nothing to try it on
  await setDelegationRuleState(tx, by, { name, version, state: "live", untried });
}

const Known = z.object({
  place: z.number(),
  task: z.string(),
  input: z.unknown(),
  expected: z.record(z.string(), z.unknown()),
  begun: z.boolean(),
});
const LISTED = 200;
/** Rows that came with an answer to all that must be answered. */
export async function knownItems(db: Db, id: string): Promise<KnownItem[]> {
  const { view } = await kindOfProject(db, id);
  const rows = await db.many(
    sql`select i.place, t.id as task, t.input, i.answer as expected, t.taken > 0 or exists (select 1 from lease l where l.task = t.id) as begun
        from project_item i join task t on t.id = i.task where i.project = ${id} and i.answer is not null order by i.place limit ${LISTED * 5}`,
    Known,
  );
  return rows
    .filter((r) => problemsOf(view, r.input, r.expected as Draft).length === 0)
    .slice(0, LISTED)
    .map(({ task: _task, ...r }) => ({ ...r, text: beginning(view, r.input) }));
}

/** Makes hidden gold of such rows: their tasks are asked as items no longer. */
export const makeGold = (
  db: Db,
  by: PersonId,
  id: string,
  places: readonly number[],
): Promise<{ gold: number }> =>
  db.transaction(async (tx) => {
    await tx.run(sql`select 1 from project where id = ${id} for update`);
    const project = await getProject(tx, id);
    const rows = await tx.many(
      sql`select i.place, t.id as task, t.input, coalesce(i.answer, '{}') as expected, t.taken > 0 or exists (select 1 from lease l where l.task = t.id) as begun
          from project_item i join task t on t.id = i.task where i.project = ${id} and i.place = any(${[...places]}) order by i.place for update of t`,
      Known,
    );
    const found = new Set(rows.map((r) => r.place));
    const missing = places.filter((p) => !found.has(p));
    const begun = rows.filter((r) => r.begun).map((r) => r.place);
    const empty = rows.filter((r) => !Object.keys(r.expected).length).map((r) => r.place);
    const wrong = [
      ...missing.map((p) => `item ${p} is none, or gold already`),
      ...begun.map((p) => `somebody has begun item ${p}`),
      ...empty.map((p) => `item ${p} came without an answer`),
    ];
    if (wrong.length)
      throw new TillerError(
        "bad_gold",
        `nothing was made gold: ${wrong.slice(0, 10).join("; ")}. Choose others.`,
      );
    for (const row of rows) {
      const gold = await saveGold(tx, by, {
        type: project.type,
        input: row.input,
        expected: row.expected,
        tolerance: 0,
        reason: `Item ${row.place} of the project ${project.title} came with this answer.`,
      });
      await tx.run(
        sql`update project_item set task = null, gold = ${gold.id} where project = ${id} and place = ${row.place}`,
      );
      await tx.run(
        sql`with gone as (delete from task where id = ${row.task} returning batch, people)
            update batch set wanted = wanted - gone.people from gone where batch.id = gone.batch`,
      );
    }
    return { gold: rows.length };
  });
