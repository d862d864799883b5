/**
 * What comes with an answer, before it is stored: its value, as its kind, its view and its code want it, and the seconds
 * that its sender may claim. One look at the database for both.
 */
import { z } from "zod";
import { taskNamed } from "@tiller/crowd";
import { type PersonId, type Submit, TillerError, View } from "@tiller/schema";
import { checkLike, readAnswer, type TaskDef } from "@tiller/task";
import { type Db, type Sql, sql } from "@tiller/store";
import { prepared } from "@tiller/store/sql.ts";

export interface Claim {
  readonly lease: string;
  readonly activeSeconds: number;
  readonly idleSeconds: number;
}

/**
 * Seconds since the lease was given out, less what the same person claimed for other work of that while; null where
 * nothing bounds them: simulated raters pretend to take time.
 */
const passed = (person: PersonId, lease: string): Sql => sql`(
  with l as (select l.created_at from lease l join person p on p.id = l.person where l.id = ${lease} and l.person = ${person} and not p.simulated),
    work as (
      select x.created_at, a.at, a.active_seconds as active from answer a join lease x on x.id = a.lease
      where a.person = ${person} and a.undone_at is null and a.lease <> ${lease} and a.at >= (select created_at from l)
      union all select x.created_at, k.at, k.active_seconds from skip k join lease x on x.id = k.lease
      where x.person = ${person} and x.created_at > (select created_at from l) - interval '1 day' and k.at >= (select created_at from l)),
    start as (select created_at from l union select work.created_at from work, l where work.created_at < l.created_at)
  select min(extract(epoch from now() - s.created_at) - coalesce((
    select sum(greatest(0, w.active - greatest(0, extract(epoch from s.created_at - w.created_at)))) from work w), 0))::float8 from start s)`;

const cut = (s: Claim, passed: number | null): { activeSeconds: number; idleSeconds: number } => {
  if (passed === null) return { activeSeconds: s.activeSeconds, idleSeconds: s.idleSeconds };
  const activeSeconds = Math.min(s.activeSeconds, Math.max(0, passed));
  return {
    activeSeconds,
    idleSeconds: Math.min(s.idleSeconds, Math.max(0, passed - activeSeconds)),
  };
};

/** What a client may claim for a lease that it does not answer. */
export const boundTime = async (db: Db, person: PersonId, s: Claim) =>
  cut(s, await db.value(prepared(sql`select ${passed(person, s.lease)}`), z.number().nullable()));

interface StoredKind {
  readonly output: z.ZodType;
  readonly view: View | null;
  readonly check: TaskDef["check"];
}
const kinds = new Map<string, StoredKind>(); // by type and version: they never change
async function storedKind(db: Db, key: string): Promise<StoredKind> {
  const found = kinds.get(key);
  if (found) return found;
  const { base, ...stored } = await db.one(
    sql`select output_schema as output, view, base from task_type where name || '@' || version = ${key}`,
    z.object({
      output: z
        .record(z.string(), z.unknown())
        .nullable()
        .transform((x) => (x ? z.fromJSONSchema(x) : z.unknown())),
      view: View.nullable(),
      base: z.string().nullable(),
    }),
  );
  const made = base === null ? undefined : taskNamed(base);
  const own = made && stored.view ? checkLike(made, stored.view) : undefined;
  const kind = { ...stored, check: own && guarded(key, own) };
  kinds.set(key, kind);
  return kind;
}

const Claimed = z.object({
  type: z.string(),
  version: z.string(),
  input: z.unknown(),
  passed: z.number().nullable(),
});
/** The answer with its value parsed and, if `bound`, its time cut to what passed; a clear error when it does not fit. */
export async function parseAnswer(
  db: Db,
  person: PersonId,
  s: Submit,
  o: { bound?: boolean | undefined } = {},
): Promise<Submit> {
  const found = await db.maybe(
    prepared(sql`select t.type, t.type_version as version, t.input, ${o.bound ? passed(person, s.lease) : sql`null::float8`} as passed
        from lease l join task t on t.id = l.task where l.id = ${s.lease}`),
    Claimed,
  );
  if (!found) return s; // an unknown lease: its storing says so
  const { type, version, input } = found;
  const key = `${type}@${version}`;
  const kind = await storedKind(db, key);
  const code = taskNamed(key);
  const check = code?.check ? guarded(key, code.check.bind(code)) : kind.check;
  const read = readAnswer({ ...kind, ...(check ? { check } : {}) }, input, s.value);
  if ("problems" in read)
    throw new TillerError(
      "bad_answer",
      `the answer does not fit ${key}: ${read.problems.join("; ")}. Correct it and send it again.`,
    );
  return { ...s, ...cut(s, found.passed), value: read.value };
}

/** A check that throws is its author's mistake, not the rater's: the answer is taken without it, and the log says so. */
const guarded =
  (key: string, check: NonNullable<TaskDef["check"]>): NonNullable<TaskDef["check"]> =>
  (input, value) => {
    try {
      return check(input, value);
    } catch (e) {
      console.error(`the check of ${key} threw; the answer was taken without it:`, e);
      return undefined;
    }
  };
