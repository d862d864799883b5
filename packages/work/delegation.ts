/** Delegation rules in the database, and the past answers they are tried on. What they decide is in packages/crowd. */
import { z } from "zod";
import {
  type Backtest,
  type ExperimentId,
  type PersonId,
  type DelegationRule,
  StoredDelegationRule,
  TillerError,
} from "@tiller/schema";
import { recordWork } from "./rules.ts";
import { type Db, sql } from "@tiller/store";

const columns = sql`p.name, p.version, p.state, p.body, p.backtest, p.at`;

export const listDelegationRules = (db: Db): Promise<StoredDelegationRule[]> =>
  db.many(
    sql`select ${columns} from delegation_rule p order by p.name, p.version desc`,
    StoredDelegationRule,
  );

/** A new version of a rule, as a draft. The same body again is the version it was. */
export const saveDelegationRule = (
  db: Db,
  by: PersonId,
  o: { name: string; body: DelegationRule },
): Promise<StoredDelegationRule> =>
  db.transaction(async (tx) => {
    await tx.run(sql`select pg_advisory_xact_lock(hashtext(${`delegation rule ${o.name}`}))`);
    const body = JSON.stringify(o.body);
    const same = await tx.maybe(
      sql`select ${columns} from delegation_rule p where name = ${o.name} and body = ${body}::jsonb order by version desc limit 1`,
      StoredDelegationRule,
    );
    if (same) return same;
    const made = await tx.one(
      sql`insert into delegation_rule as p (name, version, body, by) select ${o.name}, coalesce(max(version), 0) + 1, ${body}::jsonb, ${by} from delegation_rule where name = ${o.name} returning ${columns}`,
      StoredDelegationRule,
    );
    await recordWork(tx, by, "delegation rule", { name: o.name, version: made.version });
    return made;
  });

export const keepBacktest = (
  db: Db,
  o: { name: string; version: number; backtest: Backtest },
): Promise<number> =>
  db.run(
    sql`update delegation_rule set backtest = ${JSON.stringify(o.backtest)} where name = ${o.name} and version = ${o.version}`,
  );

/** Puts a version to work, or takes it out. Only one that was tried on past answers goes live, but for `untried`: there are none. */
export const setDelegationRuleState = (
  db: Db,
  by: PersonId,
  o: { name: string; version: number; state: "live" | "retired"; untried?: boolean },
): Promise<void> =>
  db.transaction(async (tx) => {
    const rule = await tx.maybe(
      sql`select ${columns} from delegation_rule p where name = ${o.name} and version = ${o.version} for update`,
      StoredDelegationRule,
    );
    if (!rule)
      throw new TillerError(
        "not_found",
        `there is no version ${o.version} of the delegation rule ${o.name}. Look at the list.`,
      );
    if (o.state === "live" && !rule.backtest && !o.untried)
      throw new TillerError(
        "not_tried",
        `version ${o.version} of ${o.name} was not tried on past answers. Try it first.`,
      );
    if (o.state === "live")
      await tx.run(
        sql`update delegation_rule set state = 'retired' where state = 'live' and (name = ${o.name}
              or (body->>'kind' = ${rule.body.kind} and body->>'experiment' is not distinct from ${rule.body.experiment}))`,
      );
    await tx.run(
      sql`update delegation_rule set state = ${o.state} where name = ${o.name} and version = ${o.version}`,
    );
    if (o.state === "retired") await tx.run(sql`delete from skill where kind = ${rule.body.kind}`);
    await recordWork(tx, by, `delegation rule ${o.state}`, { name: o.name, version: o.version });
  });

export const liveDelegationRules = (db: Db): Promise<StoredDelegationRule[]> =>
  db.many(
    sql`select ${columns} from delegation_rule p where p.state = 'live'`,
    StoredDelegationRule,
  );

const PastRow = z.object({
  task: z.string(),
  worker: z.string(),
  label: z.string(),
  topic: z.string(),
  truth: z.string().nullable(),
});
/** Answers to one closed question of a kind of work, with what researchers settled; the newest 100,000. */
export const pastAnswers = (
  db: Db,
  o: { kind: string; experiment: ExperimentId | null; field: string },
): Promise<z.infer<typeof PastRow>[]> => {
  const path = sql`${o.field.split(".")}::text[]`;
  return db.many(
    sql`select a.task, a.person as worker, a.value #>> ${path} as label, t.topic,
          (select d.value #>> ${path} from decision d where d.task = a.task order by d.at desc limit 1) as truth
        from answer a join task t on t.id = a.task join batch b on b.id = t.batch
        where t.type = ${o.kind} and (${o.experiment}::text is null or coalesce(b.experiment, b.project) = ${o.experiment}) and b.purpose = 'work'
          and a.undone_at is null and jsonb_typeof(a.value #> ${path}) in ('string', 'number', 'boolean')
        order by a.at desc limit 100000`,
    PastRow,
  );
};

const Situation = z.object({
  task: z.string(),
  kind: z.string(),
  experiment: z.string().nullable(),
  batch: z.string(),
  wanted: z.number(),
});
/** Where a lease's task stands, if it does not only measure; cheap enough for every submission under a rule. */
export const situationOf = (
  db: Db,
  lease: string,
): Promise<z.infer<typeof Situation> | undefined> =>
  db.maybe(
    sql`select t.id as task, t.type as kind, coalesce(b.experiment, b.project) as experiment, b.id as batch, b.wanted
        from lease l join task t on t.id = l.task join batch b on b.id = t.batch where l.id = ${lease} and b.purpose = 'work'`,
    Situation,
  );
export const saidAbout = (
  db: Db,
  o: { task: string; field: string },
): Promise<{ worker: string; label: string }[]> => {
  const said = sql`value #>> ${o.field.split(".")}::text[]`;
  return db.many(
    sql`select person as worker, ${said} as label from answer where task = ${o.task} and undone_at is null and ${said} is not null`,
    z.object({ worker: z.string(), label: z.string() }),
  );
};
export const tasksIn = (db: Db, batch: string): Promise<number> =>
  db.value(sql`select count(*)::int from task where batch = ${batch}`, z.number());

/** Asks for a researcher's look at a task. */
export const askReview = (db: Db, o: { task: string; why: string }): Promise<number> =>
  db.run(
    sql`insert into task_review (task, why) values (${o.task}, ${o.why}) on conflict do nothing`,
  );

/** Replaces what is known about who is good at which topic of a kind. */
export const saveSkills = (
  db: Db,
  o: { kind: string; skills: readonly { person: string; topic: string; advantage: number }[] },
): Promise<void> =>
  db.transaction(async (tx) => {
    await tx.run(sql`select pg_advisory_xact_lock(hashtext(${`skill ${o.kind}`}))`);
    await tx.run(sql`delete from skill where kind = ${o.kind}`);
    await tx.run(
      sql`insert into skill (person, kind, topic, advantage) select x.person, ${o.kind}, x.topic, x.advantage
          from jsonb_to_recordset(${JSON.stringify(o.skills)}::jsonb) as x(person text, topic text, advantage float8)`,
    );
  });
