/**
 * Closed questions of every kind of work, by the fields of its view: what agreement, the side bias and verdicts are counted
 * on. A kind from before there were views is a comparison.
 */
import { z } from "zod";
import { type ExperimentId, type Field, FieldAnswer, View } from "@tiller/schema";
import { type Db, type Sql, sql } from "@tiller/store";
import { kindOfField } from "@tiller/task";

/** The classes that a field's answers name (of a pair, its sides); null: its answers have no labels to agree on. */
export function closedOf(f: Field): Pick<FieldAnswer, "sides" | "classes"> | null {
  const kind = kindOfField(f);
  const labels = kind.scale ? kind.labels(f) : undefined;
  const sides = f.kind === "pair";
  return labels ? { sides, classes: sides ? 2 : labels.length } : null;
}

const Viewed = z.object({
  type: z.string(),
  version: z.string(),
  view: View.nullable().catch(null),
});
/** SQL: rows (type, version, field, path, sides, classes, pairs); `pairs`: how many pairs the view asks. */
export async function closedQuestions(db: Db): Promise<Sql> {
  const kinds = await db.many(sql`select name as type, version, view from task_type`, Viewed);
  const rows = kinds.flatMap(({ view, ...k }) => {
    if (!view)
      return [{ ...k, field: "choice", path: ["choice"], sides: true, classes: 2, pairs: 1 }];
    const pairs = view.ask.filter((f) => closedOf(f)?.sides).length;
    return view.ask.flatMap((f) => {
      const closed = closedOf(f);
      return closed ? [{ ...k, field: f.name, path: f.name.split("."), ...closed, pairs }] : [];
    });
  });
  return sql`jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as q(type text, version text, field text, path text[], sides boolean, classes int, pairs int)`;
}

/** The answers in table `a` to tasks `t` by people `p`, a row a closed question; one row where there is none. */
const fieldAnswers = async (db: Db, from: Sql): Promise<FieldAnswer[]> =>
  db.many(
    sql`select a.id as answer, a.task, t.type, q.field, coalesce(q.sides, false) as sides, q.classes, a.value #>> q.path as label, a.person, p.pseudonym as by, p.simulated,
          case when q.pairs > 1 then coalesce((select l.shown->q.field->>0 = 'b' from lease l where l.id = a.lease), a.swap) else a.swap end as swap,
          a.active_seconds as "activeSeconds", length(t.input::text) as characters, a.at
        from ${from} left join ${await closedQuestions(db)} on q.type = t.type and q.version = t.type_version order by a.at, a.id`,
    FieldAnswer,
  );

/** All answers of an experiment. */
export const ratedAnswers = (db: Db, experiment: ExperimentId): Promise<FieldAnswer[]> =>
  fieldAnswers(
    db,
    sql`answer a join task t on t.id = a.task join batch b on b.id = t.batch and b.experiment = ${experiment} and a.undone_at is null
      join person p on p.id = a.person`,
  );

/** The last answers of everyone here, `limit` of each at most; who is only in a file is not here. */
export const lastAnswers = (db: Db, limit: number): Promise<FieldAnswer[]> =>
  fieldAnswers(
    db,
    sql`(select x.* from person cross join lateral (
          select * from answer where person = person.id and undone_at is null order by at desc limit ${limit}) x
        where not person.imported) a
      join task t on t.id = a.task and t.again_of is null join person p on p.id = a.person`,
  );

/** Those of these answers that are there; one that was taken back is not. */
export const namedAnswers = (db: Db, answers: readonly string[]): Promise<FieldAnswer[]> =>
  fieldAnswers(
    db,
    sql`(select * from answer where id = any(${[...answers]}) and undone_at is null) a join task t on t.id = a.task join person p on p.id = a.person`,
  );
