/**
 * Hidden gold: items whose answer the researchers know, handed out among other tasks so that nobody can tell. An item
 * becomes a task the first time it is wanted, under the newest version of its kind of work; every change of an item is
 * an event. Answers are scored by the newest truth: a dispute that changes the gold also changes old scores.
 *
 * `pickGold` and `pickBlindDuplicate` only name a task. The caller leases it as any other task (its `people` is without limit),
 * so the desk, the time, the undo and the submission are the same for gold as for everything else.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { type Measuring, poolBound, retestBefore } from "@tiller/crowd";
import {
  Gold,
  GoldAnswer,
  type GoldChange,
  GoldEvent,
  own,
  type PersonId,
  TaskId,
  TillerError,
} from "@tiller/schema";
import { canonical, type Db, sql } from "@tiller/store";

/** What the ids of batches and tasks that only measure begin with, by their purpose: exports and audit logs have them. */
const prefixes = {
  gold: "measuring/gold/",
  duplicate: "measuring/twin/",
  retest: "measuring/again/",
} as const;
type Purpose = keyof typeof prefixes;
const UNLIMITED = 1_000_000;
const json = (x: unknown) => JSON.stringify(x);

const columns = sql`g.id, g.type, g.input, g.expected, g.tolerance, g.reason, g.active, g.version, g.source_task as "sourceTask", g.updated_at as "updatedAt"`;
export const listGold = (db: Db, o: { type?: string | undefined } = {}): Promise<Gold[]> =>
  db.many(
    sql`select ${columns} from gold g where ${o.type ?? null}::text is null or g.type = ${o.type ?? null} order by g.type, g.updated_at desc, g.id`,
    Gold,
  );
export async function getGold(db: Db, id: string): Promise<Gold> {
  const found = await db.maybe(sql`select ${columns} from gold g where g.id = ${id}`, Gold);
  if (!found)
    throw new TillerError("not_found", `there is no gold item ${id}. Look at the list of gold.`);
  return found;
}
export const goldEvents = (db: Db, gold: string): Promise<GoldEvent[]> =>
  db.many(
    sql`select e.seq, e.gold, e.version, e.action, e.expected, e.tolerance, e.reason, p.pseudonym as by, e.thread, e.at
        from gold_event e join person p on p.id = e.person where e.gold = ${gold} order by e.seq`,
    GoldEvent,
  );

const record = (db: Db, g: Gold, action: GoldEvent["action"], by: PersonId, thread?: string) =>
  db.run(
    sql`insert into gold_event (gold, version, action, expected, tolerance, reason, person, thread)
        values (${g.id}, ${g.version}, ${action}, ${json(g.expected)}, ${g.tolerance}, ${g.reason}, ${by}, ${thread ?? null})`,
  );

/** Checks `expected` against the answers that the kind of work allows, as far as its schema names keys. */
async function checkExpected(db: Db, type: string, expected: Record<string, unknown>) {
  const schema = await db.maybe(
    sql`select output_schema as schema from task_type where name = ${type} and output_schema is not null order by length(version) desc, version desc limit 1`,
    z.object({ schema: z.object({ properties: z.record(z.string(), z.unknown()).optional() }) }),
  );
  const keys = Object.keys(schema?.schema.properties ?? {});
  const unknown = Object.keys(expected).filter((k) => keys.length && !keys.includes(k));
  if (unknown.length)
    throw new TillerError(
      "bad_gold",
      `answers of ${type} have no ${unknown.join(", ")}; they have ${keys.join(", ")}. Name one of those.`,
    );
}

/** Adds an item, or changes the one named by `id`; a changed item counts as new for everyone who has not seen it. */
export async function saveGold(db: Db, by: PersonId, change: GoldChange): Promise<Gold> {
  await checkExpected(db, change.type, change.expected);
  const id =
    change.id ??
    createHash("sha256")
      .update(json([change.type, change.input]))
      .digest("hex")
      .slice(0, 16);
  return db.transaction(async (tx) => {
    const before = await tx.maybe(
      sql`select ${columns} from gold g where g.id = ${id} for update`,
      Gold,
    );
    if (change.id && !before)
      throw new TillerError("not_found", `there is no gold item ${id}. Add it without an id.`);
    const saved = await tx.one(
      sql`insert into gold as g (id, type, input, expected, tolerance, reason, source_task)
          values (${id}, ${change.type}, ${json(change.input)}, ${json(change.expected)}, ${change.tolerance}, ${change.reason}, ${change.sourceTask ?? null})
          on conflict (id) do update set input = excluded.input, expected = excluded.expected, tolerance = excluded.tolerance, reason = excluded.reason,
            active = true, version = g.version + 1, updated_at = now()
          returning ${columns}`,
      Gold,
    );
    await record(tx, saved, before ? "changed" : "added", by, change.thread);
    return saved;
  });
}

/** Takes an item out of use or back into it. Its answers stay and keep their score. */
export async function setGoldActive(
  db: Db,
  by: PersonId,
  o: { id: string; active: boolean; reason: string },
): Promise<Gold> {
  return db.transaction(async (tx) => {
    await getGold(tx, o.id);
    const saved = await tx.maybe(
      sql`update gold g set active = ${o.active}, version = version + 1, updated_at = now() where id = ${o.id} and active <> ${o.active} returning ${columns}`,
      Gold,
    );
    if (!saved) return getGold(tx, o.id);
    await record(tx, { ...saved, reason: o.reason }, o.active ? "restored" : "retired", by);
    return saved;
  });
}

const Picked = z.object({
  id: z.string(),
  type: z.string(),
  version: z.string(),
  input: z.unknown(),
});

/** The task that shows `input` under this version of its kind of work; made when it is not there yet. */
async function measuringTask(
  db: Db,
  t: {
    id: string;
    type: string;
    version: string;
    input: unknown;
    gold?: string;
    goldVersion?: number;
    duplicateOf?: string;
    retestOf?: string;
  },
): Promise<TaskId> {
  const purpose: Purpose = t.duplicateOf ? "duplicate" : t.retestOf ? "retest" : "gold";
  const batch = `${prefixes[purpose]}${t.type}`;
  // without a lane its tasks are handed out by name only, and no workflow waits for it
  await db.run(
    sql`insert into batch (id, purpose, wanted) values (${batch}, ${purpose}, 2147483647) on conflict do nothing`,
  );
  await db.run(
    sql`insert into task (id, batch, place, type, type_version, input, people, gold, gold_version, twin_of, again_of)
        values (${t.id}, ${batch}, 0, ${t.type}, ${t.version}, ${json(t.input)}, ${UNLIMITED}, ${t.gold ?? null}, ${t.goldVersion ?? null}, ${t.duplicateOf ?? null}, ${t.retestOf ?? null})
        on conflict do nothing`,
  );
  return TaskId.parse(t.id);
}

/**
 * A retest (Stiennon et al. 2020, C.6, kept the same comparisons coming for this): what the person answered longest
 * ago, a week or more, under the version of the kind that still stands. Each once a person.
 */
const pickRetest = async (
  db: Db,
  person: PersonId,
  o: { types?: readonly string[]; now?: number },
): Promise<TaskId | undefined> => {
  const before = retestBefore(o.now ?? Date.now()).toISOString();
  const types = o.types ? [...o.types] : null;
  const picked = await db.maybe(
    sql`select t.id, t.type, t.type_version as version, t.input from answer a join task t on t.id = a.task
        where a.person = ${person} and a.undone_at is null and a.at < ${before}::timestamptz
          and t.gold is null and t.twin_of is null and t.again_of is null and t.dropped_at is null
          and (${types}::text[] is null or t.type = any(${types}::text[]))
          and t.type_version = (select k.version from task_type k where k.name = t.type order by length(k.version) desc, k.version desc limit 1)
          and not exists (select 1 from task x join lease l on l.task = x.id where x.again_of = t.id and l.person = ${person})
        order by a.at limit 1`,
    Picked,
  );
  return (
    picked &&
    measuringTask(db, { ...picked, id: `${prefixes.retest}${picked.id}`, retestOf: picked.id })
  );
};

/**
 * The first of what is `due` (see `measuringDue`) that there is for this person: a retest, or a gold task not had yet. Only of
 * the kinds of work in `types` (all kinds that the person answered before, when absent). Undefined: hand out ordinary work.
 */
export async function pickGold(
  db: Db,
  person: PersonId,
  o: { due: readonly Measuring[]; types?: readonly string[]; now?: number },
): Promise<TaskId | undefined> {
  for (const what of o.due) {
    const found = await (what === "retest" ? pickRetest : pickNewGold)(db, person, o);
    if (found) return found;
  }
  return undefined;
}
const pickNewGold = async (
  db: Db,
  person: PersonId,
  o: { types?: readonly string[] },
): Promise<TaskId | undefined> => {
  const types = o.types
    ? sql`g.type = any(${[...o.types]})`
    : sql`g.type in (select distinct t.type from answer a join task t on t.id = a.task where a.person = ${person})`;
  const picked = await db.maybe(
    sql`select g.id, g.type, g.input, g.version as "goldVersion",
          (select k.version from task_type k where k.name = g.type order by length(k.version) desc, k.version desc limit 1) as version
        from gold g where g.active and ${types}
          and exists (select 1 from task_type k where k.name = g.type)
          and not exists (select 1 from task t join lease l on l.task = t.id where (t.gold = g.id or t.id = g.source_task) and l.person = ${person})
        order by md5(g.id || ${person}) limit 1`,
    Picked.extend({ goldVersion: z.int() }),
  );
  return (
    picked &&
    measuringTask(db, {
      ...picked,
      id: `${prefixes.gold}${picked.id}/${picked.goldVersion}@${picked.version}`,
      gold: picked.id,
    })
  );
};

/**
 * A task of the shared pool for a researcher to answer blindly: raters have answered it, this researcher has not, and
 * its answers are not shown. The pool is a fixed `fraction` of all tasks, chosen by a hash, so researchers meet each other.
 */
export async function pickBlindDuplicate(
  db: Db,
  person: PersonId,
  o: { fraction?: number; types?: readonly string[] } = {},
): Promise<TaskId | undefined> {
  const hash = sql`md5(t.id) collate "C"`;
  const types = o.types ? sql`t.type = any(${[...o.types]})` : sql`true`;
  const picked = await db.maybe(
    sql`select t.id, t.type, t.type_version as version, t.input from task t
        where ${hash} < '3333' and ${hash} < ${poolBound(o.fraction)} and t.gold is null and t.twin_of is null and t.again_of is null and ${types}
          and exists (select 1 from answer a where a.task = t.id and a.undone_at is null)
          and not exists (select 1 from lease l where l.task in (t.id, ${prefixes.duplicate} || t.id) and l.person = ${person})
        order by ${hash} limit 1`,
    Picked,
  );
  return (
    picked &&
    measuringTask(db, {
      ...picked,
      id: `${prefixes.duplicate}${picked.id}`,
      duplicateOf: picked.id,
    })
  );
}

/** The blind copy of a task, for a researcher who was asked to look at it. */
export async function blindDuplicateOf(db: Db, task: string): Promise<TaskId> {
  const t = await db.one(
    sql`select t.id, t.type, t.type_version as version, t.input from task t where t.id = ${task}`,
    Picked,
  );
  return measuringTask(db, { ...t, id: `${prefixes.duplicate}${t.id}`, duplicateOf: t.id });
}

/** Whether an answer meets every key of what is expected. */
export function meetsGold(
  value: unknown,
  g: { expected: Record<string, unknown>; tolerance: number },
): boolean {
  const answer = (typeof value === "object" && value !== null ? value : {}) as Record<
    string,
    unknown
  >;
  return Object.entries(g.expected).every(([key, wanted]) => {
    const said = own(answer, key);
    return typeof wanted === "number" && typeof said === "number"
      ? Math.abs(said - wanted) <= g.tolerance + 1e-9
      : said !== undefined && canonical(said) === canonical(wanted);
  });
}

/** Answers to gold items, scored by the newest truth, newest first. */
export async function goldAnswers(
  db: Db,
  o: { person?: PersonId; type?: string | undefined; limit?: number } = {},
): Promise<GoldAnswer[]> {
  const rows = await db.many(
    sql`select a.id as answer, a.task, g.id as gold, coalesce(t.gold_version, 1) as version, g.type, a.person, p.pseudonym, a.value, g.expected, g.tolerance, g.reason, a.at
        from answer a join task t on t.id = a.task join gold g on g.id = t.gold join person p on p.id = a.person
        where a.undone_at is null and (${o.person ?? null}::text is null or a.person = ${o.person ?? null})
          and (${o.type ?? null}::text is null or g.type = ${o.type ?? null})
        order by a.at desc limit ${o.limit ?? 100_000}`,
    GoldAnswer.omit({ right: true }).extend({ tolerance: z.number() }),
  );
  return rows.map(({ tolerance, ...r }) => ({
    ...r,
    right: meetsGold(r.value, { expected: r.expected, tolerance }),
  }));
}
