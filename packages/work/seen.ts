/** Tasks as one person saw them, with what they said: what shows them again, for reading. */
import { type Me, type PersonId, SeenAnswer, TillerError } from "@tiller/schema";
import { type Db, type Sql, sql } from "@tiller/store";

/** Of lease `l` on task `t` of kind `k`; `value` is what stands in the form. */
export const seenColumns = (value: Sql): Sql =>
  sql`k.view, t.input, l.swap, l.shown, ${value} as value`;

const columns = sql`a.id as answer, a.task, k.title, p.pseudonym as by, a.at, a.active_seconds as "activeSeconds", ${seenColumns(sql`a.value`)}
  from answer a join lease l on l.id = a.lease join task t on t.id = a.task join task_type k on k.name = t.type and k.version = t.type_version join person p on p.id = a.person`;

/** A person's answers, the newest first. */
export const ownAnswers = (
  db: Db,
  person: PersonId,
  o: { before?: string | undefined; limit: number },
): Promise<SeenAnswer[]> =>
  db.many(
    sql`select ${columns} where a.person = ${person} and a.undone_at is null and (${o.before ?? null}::timestamptz is null or a.at < ${o.before ?? null}::timestamptz)
        order by a.at desc limit ${o.limit}`,
    SeenAnswer,
  );

/** One answer: raters see their own. */
export async function seenAnswer(
  db: Db,
  me: Pick<Me, "id" | "role">,
  answer: string,
): Promise<SeenAnswer> {
  const found = await db.maybe(
    sql`select ${columns} where a.id = ${answer} and (${me.role !== "rater"} or a.person = ${me.id})`,
    SeenAnswer,
  );
  if (!found)
    throw new TillerError(
      "not_found",
      `there is no answer ${answer} for you to see. Look under My work.`,
    );
  return found;
}
