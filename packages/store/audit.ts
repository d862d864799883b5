/** The audit log: every administrative act, with what was before and after. Rows are only added (a trigger sees to it). */
import { AuditEntry, type AuditFilter } from "@tiller/schema";
import { type Db, sql } from "./sql.ts";

/** Inside the transaction of the act, where it has one. */
export const recordAct = (
  db: Db,
  act: {
    actor: string | null;
    action: string;
    target: string;
    before?: unknown;
    after?: unknown;
  },
): Promise<number> =>
  db.run(sql`insert into audit (actor, action, target, before, after)
    values (${act.actor}, ${act.action}, ${act.target}, ${json(act.before)}::jsonb, ${json(act.after)}::jsonb)`);
const json = (value: unknown) => (value === undefined ? null : JSON.stringify(value));

const like = (part: string) => `%${part.replace(/[%_\\]/g, "\\$&")}%`;

/** Newest first; `before`: older than this number. Without `names` no act says which pseudonym took whose invitation: whoever handed it out knows to whom. */
export function listActs(db: Db, f: AuditFilter, o: { names: boolean }): Promise<AuditEntry[]> {
  const all = sql`true`;
  const target = o.names
    ? sql`u.target`
    : sql`case when u.action = 'invitation.use' then 'an invitation' else u.target end`;
  return db.many(
    sql`select u.seq, u.at, p.pseudonym as actor, u.action, ${target} as target, u.before, u.after
        from audit u left join person p on p.id = u.actor
        where ${f.before === undefined ? all : sql`u.seq < ${f.before}`}
          and ${f.actor ? sql`p.pseudonym = ${f.actor}` : all}
          and ${f.action ? sql`u.action ilike ${like(f.action)}` : all}
          and ${f.target ? sql`${target} ilike ${like(f.target)}` : all}
          and ${f.from ? sql`u.at >= ${f.from}` : all} and ${f.to ? sql`u.at < ${f.to}` : all}
        order by u.seq desc limit ${f.limit}`,
    AuditEntry,
  );
}
