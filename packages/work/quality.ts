/**
 * What the quality pages read: the answers to one field of one kind of work, with their versions, sources and times;
 * tasks that people disagree on; what researchers settled. A blind copy counts as its original task.
 */
import { randomUUID } from "node:crypto";
import { z } from "zod";
import {
  type Counted,
  type Decide,
  Disagreement,
  type Measured,
  own,
  type PersonId,
  type Population,
  type Populations,
  Role,
  TillerError,
  View,
} from "@tiller/schema";
import { at, kindOfField } from "@tiller/task";
import { closedOf } from "./closed.ts";
import { goldAnswers, saveGold } from "./gold.ts";
import { type Db, sql } from "@tiller/store";

const Viewed = z.object({ name: z.string(), view: View.nullable(), answers: z.number() });
const viewOf = (db: Db, type: string | null) =>
  db.many(
    sql`select k.name, k.view, (select count(*)::int from answer a join task t on t.id = a.task join person p on p.id = a.person where t.type = k.name and a.undone_at is null and not p.imported) as answers
        from (select distinct on (name) name, view from task_type order by name, length(version) desc, version desc) k where ${type}::text is null or k.name = ${type}`,
    Viewed,
  );

/** The fields that can be measured, the most answered kinds of work first. */
export async function measuredFields(db: Db): Promise<Measured[]> {
  const types = await viewOf(db, null);
  return types
    .toSorted((a, b) => b.answers - a.answers)
    .flatMap(({ name, view, answers }) =>
      (view?.ask ?? []).flatMap((f) => {
        const { scale } = kindOfField(f);
        return scale ? [{ type: name, field: f.name, label: f.label, scale, answers }] : [];
      }),
    );
}

const asked = sql`from answer a join task t on t.id = a.task join person p on p.id = a.person join batch b on b.id = t.batch`;
/** What asked for it, an experiment or a project. A blind duplicate counts where its original does. */
const experimentOf = sql`coalesce(b.experiment, b.project, (select coalesce(o.experiment, o.project) from task original join batch o on o.id = original.batch where original.id = t.twin_of))`;
/** Where an answer comes from; a person in a file is of the import, simulated or not. */
const sourceOf = sql`case when p.imported then 'import:' || b.experiment when p.simulated then 'simulated' else 'people' end`;
const countable = (o: { type: string; field: string }) =>
  sql`a.undone_at is null and t.type = ${o.type} and t.gold is null and t.again_of is null and a.value #>> ${path(o.field)}::text[] is not null`;
const fromSource = (source: string) =>
  source === "all" ? sql`true` : sql`${sourceOf} = ${source}`;
const within = (p: Counted) => {
  const [experiment, version] = [p.experiment ?? null, p.version ?? null];
  const [since, until] = [p.since ?? null, p.until ?? null];
  return sql`${fromSource(p.source)} and (${experiment}::text is null or ${experimentOf} = ${experiment}) and (${version}::text is null or t.type_version = ${version})
      and (${since}::timestamptz is null or a.at >= ${since}::timestamptz) and (${until}::timestamptz is null or a.at < ${until}::timestamptz)`;
};

/** Sources, experiments and versions of the answers to a field, with how many there are of each, the most first. */
export async function populationsOf(
  db: Db,
  o: { type: string; field: string },
): Promise<Populations> {
  const rows = await db.many(
    sql`select ${sourceOf} as source, e.id as experiment, e.title, t.type_version as version, count(*)::int as answers
        ${asked} join (select id, title from experiment union all select id, title from project) e on e.id = ${experimentOf} where ${countable(o)} group by 1, 2, 3, 4`,
    z.object({
      source: z.string(),
      experiment: z.string(),
      title: z.string(),
      version: z.string(),
      answers: z.number(),
    }),
  );
  const fractions = (
    of: (r: (typeof rows)[number]) => string,
    titleOf: (r: (typeof rows)[number]) => string,
  ) =>
    [...Map.groupBy(rows, of)]
      .map(([id, list]) => ({
        id,
        title: titleOf(list[0]!),
        answers: list.reduce((n, r) => n + r.answers, 0),
      }))
      .toSorted((a, b) => b.answers - a.answers || (a.id < b.id ? -1 : 1));
  return {
    sources: fractions(
      (r) => r.source,
      (r) => titleOfSource(r.source, r.title),
    ),
    experiments: fractions(
      (r) => r.experiment,
      (r) => r.title,
    ),
    versions: fractions(
      (r) => r.version,
      (r) => r.version,
    ),
  };
}
const titleOfSource = (source: string, title: string): string =>
  own(
    {
      people: "people at the desk here",
      simulated: "simulated raters",
      all: "everyone, imports too",
    },
    source,
  ) ?? `import ${title}`;

/** The population with its source decided: people, or where none answered simulated raters, or else the largest import. */
export async function countedIn(
  db: Db,
  o: { type: string; field: string; population?: Population },
): Promise<Counted> {
  const asks = o.population ?? {};
  const { sources } = await populationsOf(db, o);
  const has = (id: string) => sources.some((s) => s.id === id);
  const source =
    asks.source ??
    (has("people") ? "people" : has("simulated") ? "simulated" : (sources[0]?.id ?? "people"));
  if (source.startsWith("import:") && !has(source))
    throw new TillerError(
      "not_found",
      `no import ${source.slice(7)} has answers to ${o.field} of ${o.type}. There are: ${sources.map((s) => s.id).join(", ") || "none"}.`,
    );
  const title = titleOfSource(
    source,
    sources.find((s) => s.id === source)?.title.replace(/^import /, "") ?? source,
  );
  const all = sources.reduce((n, s) => n + s.answers, 0);
  const answers = await db.value(
    sql`select count(*)::int ${asked} where ${countable(o)} and ${within({ ...asks, source, title, answers: 0, elsewhere: 0 })}`,
    z.number(),
  );
  return { ...asks, source, title, answers, elsewhere: all - answers };
}

const path = (dotted: string | undefined) => (dotted === undefined ? null : dotted.split("."));
const Row = z.object({
  answer: z.string(),
  task: z.string(),
  person: z.string(),
  label: z.string(),
  confidence: z.number().nullable(),
  version: z.string(),
  source: z.string(),
  at: z.number(),
  swap: z.boolean(),
  seconds: z.number(),
  length: z.number(),
  longer: z.number().nullable(),
});
const Person = z.object({ id: z.string(), pseudonym: z.string(), role: Role });

/** All answers of a population to one field of one kind of work, and what belongs to them. Rows of hidden gold come apart. */
export async function qualityData(
  db: Db,
  o: { type: string; field: string; population?: Population },
) {
  const [found] = await viewOf(db, o.type);
  const field = found?.view?.ask.find((f) => f.name === o.field);
  const scale = field && kindOfField(field).scale;
  if (!scale)
    throw new TillerError(
      "not_found",
      `${o.type} has no field ${o.field} that can be compared. See GET /api/quality/fields.`,
    );
  const pair = field.kind === "pair" ? field : undefined;
  const [a, b, sure] = [path(pair?.a), path(pair?.b), path(pair?.confidence)];
  // the degree runs from 1, surely a, over 5 to 9, surely b: how far from the middle is how sure
  const confidence = sql`case when ${sure}::text[] is null then null else abs((a.value #>> ${sure}::text[])::float8 - 5) end`;
  const source = pair
    ? sql`coalesce((select string_agg(distinct coalesce(c.name, s.run, s.id), ' / ') from sample s left join checkpoint c on c.id = s.checkpoint
            where s.id in (t.input->'a'->>'sample', t.input->'b'->>'sample')), '')`
    : sql`''::text`;
  // where a task has several pairs, each has its own side
  const pairs = (found.view?.ask ?? []).filter((f) => f.kind === "pair").length;
  const swap =
    pairs > 1
      ? sql`coalesce((select l.shown->${o.field}::text->>0 = 'b' from lease l where l.id = a.lease), a.swap)`
      : sql`a.swap`;
  const sources = await hasSamples(db, o.type, pair !== undefined);
  const population = await countedIn(db, o);
  const counts = within(population);
  const rows = await db.many(
    sql`select a.id as answer, coalesce(t.twin_of, t.id) as task, a.person, a.value #>> ${path(o.field)}::text[] as label, ${confidence} as confidence,
          t.type_version as version, ${sources ? source : sql`''::text`} as source, extract(epoch from a.at)::float8 * 1000 as at, ${swap} as swap, a.active_seconds as seconds,
          length(t.input::text) as length, length(t.input #>> ${b}::text[]) - length(t.input #>> ${a}::text[]) as longer
        ${asked} where ${countable(o)} and ${counts} order by t.id, a.at, a.id`,
    Row,
  );
  const people = await db.many(sql`select id, pseudonym, role from person`, Person);
  const groups = await db.many(
    sql`select grp as "group", person from work_group_member order by 1, 2`,
    z.object({ group: z.string(), person: z.string() }),
  );
  const degree = pair?.confidence;
  // gold is given to people of this place, in a batch of its own: their source and the time hold for it
  const ofSource = new Set(
    await db
      .many(
        sql`select distinct a.person from answer a join task t on t.id = a.task join person p on p.id = a.person join batch b on b.id = t.batch where t.type = ${o.type} and ${fromSource(population.source)}`,
        z.object({ person: z.string() }),
      )
      .then((rows) => rows.map((r) => r.person)),
  );
  const [since, until] = [population.since, population.until].map((x) => x && Date.parse(x));
  const inTime = (at: number) => !(since && at < since) && !(until && at >= until);
  const counted = (x: { person: string; at: number }) => ofSource.has(x.person) && inTime(x.at);
  const gold = (await goldAnswers(db, { type: o.type }))
    .map((g) => {
      const said = degree ? Number(at(g.value, degree)) : Number.NaN;
      return {
        person: g.person as string,
        task: g.task as string,
        at: Date.parse(g.at),
        right: g.right,
        confidence: Number.isNaN(said) ? null : Math.abs(said - 5),
      };
    })
    .filter(counted);
  const written = (found.view?.ask ?? []).filter((f) => kindOfField(f).prose).map((f) => f.name);
  const texts = written.length
    ? await db.many(
        sql`select a.id as answer, a.person as worker, x.text, coalesce((select string_agg(v, ' ') from jsonb_path_query(t.input, 'strict $.** ? (@.type() == "string")') q(j), lateral (select q.j #>> '{}') s(v)), '') as source
            ${asked} cross join lateral (select string_agg(a.value #>> string_to_array(f, '.'), ' ') as text from unnest(${written}::text[]) f) x
            where a.undone_at is null and t.type = ${o.type} and t.gold is null and t.again_of is null and length(x.text) >= 40 and ${counts} order by a.at, a.id`,
        z.object({ answer: z.string(), worker: z.string(), text: z.string(), source: z.string() }),
      )
    : [];
  // test-retest: what a person said, and said again
  const retests = (
    await db.many(
      sql`select a.person, first.value #>> ${path(o.field)}::text[] as first, a.value #>> ${path(o.field)}::text[] as second,
          extract(epoch from a.at)::float8 * 1000 as at
        from answer a join task t on t.id = a.task join answer first on first.task = t.again_of and first.person = a.person and first.undone_at is null
        where a.undone_at is null and t.type = ${o.type} and t.again_of is not null
          and first.value #>> ${path(o.field)}::text[] is not null and a.value #>> ${path(o.field)}::text[] is not null order by a.at`,
      z.object({ person: z.string(), first: z.string(), second: z.string(), at: z.number() }),
    )
  ).filter(counted);
  return {
    type: o.type,
    field: o.field,
    population,
    scale,
    closed: closedOf(field),
    rows,
    people,
    groups,
    gold,
    retests,
    texts,
  };
}
/** The answers that a closed question allows, by the newest view of its kind. */
export async function labelsOfField(
  db: Db,
  o: { type: string; field: string },
): Promise<readonly string[]> {
  const [found] = await viewOf(db, o.type);
  const f = found?.view?.ask.find((x) => x.name === o.field);
  const labels = f && closedOf(f) ? kindOfField(f).labels(f) : undefined;
  if (labels) return labels;
  throw new TillerError(
    "not_found",
    `${o.type} has no closed question ${o.field}. See GET /api/quality/fields.`,
  );
}
const RaterAnswer = z.object({
  answer: z.string(),
  task: z.string(),
  worker: z.string(),
  label: z.string(),
  at: z.number(),
  undone: z.boolean(),
});
/** What raters answered to one field since a moment (milliseconds), oldest first; also what they took back. */
export const raterAnswersSince = (
  db: Db,
  o: { type: string; field: string; since: number; population?: Counted },
): Promise<z.infer<typeof RaterAnswer>[]> =>
  db.many(
    sql`select a.id as answer, coalesce(t.twin_of, t.id) as task, a.person as worker, a.value #>> ${path(o.field)}::text[] as label,
          extract(epoch from a.at)::float8 * 1000 as at, a.undone_at is not null as undone
        ${asked} where ${o.population ? within(o.population) : sql`true`} and a.at >= to_timestamp(${Math.max(0, o.since) / 1000}::float8) and t.type = ${o.type} and t.gold is null and t.again_of is null and p.role = 'rater'
          and a.value #>> ${path(o.field)}::text[] is not null order by a.at, a.id`,
    RaterAnswer,
  );
/** Whether pairs of this kind name stored samples at all: most do not, and the look-up costs a row each. */
const hasSamples = async (db: Db, type: string, pair: boolean): Promise<boolean> =>
  pair &&
  (await db.value(
    sql`select exists (select 1 from (select input from task where type = ${type} limit 50) t join sample s on s.id in (t.input->'a'->>'sample', t.input->'b'->>'sample'))`,
    z.boolean(),
  ));

const said = sql`(select jsonb_agg(jsonb_build_object('answer', a.id, 'person', a.person, 'by', p.pseudonym, 'staff', p.role <> 'rater', 'value', a.value, 'swap', a.swap, 'shown', l.shown,
    'at', to_char(a.at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) order by p.role, a.at)
  from answer a join lease l on l.id = a.lease join task x on x.id = a.task join person p on p.id = a.person where (x.id = t.id or x.twin_of = t.id) and a.undone_at is null)`;
const disagreement = sql`t.id as task, t.type, t.type_version as version,
  (select view from task_type k where k.name = t.type and k.version = t.type_version) as view, t.input, ${said} as said,
  (select jsonb_build_object('value', d.value, 'reason', d.reason, 'by', p.pseudonym, 'at', to_char(d.at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
   from decision d join person p on p.id = d.person where d.task = t.id order by d.at desc limit 1) as decision`;

/** These tasks with everything that was said on them, in the order given. */
export const disagreementsOn = (db: Db, tasks: readonly string[]): Promise<Disagreement[]> =>
  db.many(
    sql`select ${disagreement} from unnest(${[...tasks]}::text[]) with ordinality as want(id, n) join task t on t.id = want.id order by want.n`,
    Disagreement,
  );

/** Tasks on which two people said different things, newest first. */
export const disagreementsBetween = (
  db: Db,
  o: { type: string; field: string; first: string; second: string; limit: number; offset: number },
): Promise<Disagreement[]> => {
  const at = path(o.field);
  const one = (person: string) =>
    sql`select coalesce(x.twin_of, x.id) as task, a.value #>> ${at}::text[] as label, a.at from answer a join task x on x.id = a.task
        where a.person = ${person} and a.undone_at is null and x.type = ${o.type} and x.gold is null and x.again_of is null`;
  return db.many(
    sql`select ${disagreement} from (select f.task, greatest(f.at, s.at) as at from (${one(o.first)}) f join (${one(o.second)}) s on s.task = f.task and s.label is distinct from f.label
          order by 2 desc, 1 limit ${o.limit} offset ${o.offset}) d join task t on t.id = d.task order by d.at desc, t.id`,
    Disagreement,
  );
};

/** Which of these tasks a researcher has settled. */
export const settled = async (db: Db, tasks: readonly string[]): Promise<Set<string>> =>
  new Set(
    (
      await db.many(
        sql`select distinct task from decision where task = any(${[...tasks]})`,
        z.object({ task: z.string() }),
      )
    ).map((r) => r.task),
  );

/** Records what a researcher settles; with `gold` the task's input becomes a gold item with that answer. */
export async function decide(db: Db, by: PersonId, d: Decide): Promise<Disagreement> {
  return db.transaction(async (tx) => {
    const task = await tx.maybe(
      sql`select type, input from task where id = ${d.task}`,
      z.object({ type: z.string(), input: z.unknown() }),
    );
    if (!task) throw new TillerError("not_found", `there is no task ${d.task}. Check its id.`);
    await tx.run(
      sql`insert into decision (id, task, person, value, reason) values (${randomUUID()}, ${d.task}, ${by}, ${JSON.stringify(d.value)}, ${d.reason})`,
    );
    if (d.gold)
      await saveGold(tx, by, {
        type: task.type,
        input: task.input,
        expected: d.value,
        tolerance: 0,
        reason: d.reason,
        sourceTask: d.task,
      });
    return (await disagreementsOn(tx, [d.task]))[0]!;
  });
}

/** Writes what a person's answers to a kind of work count; the answers themselves stay. Returns how many changed. */
export const setWeights = (
  db: Db,
  o: { type: string; people: readonly { person: string; weight: number }[] },
): Promise<number> =>
  db.run(
    sql`update answer a set weight = x.weight from task t, jsonb_to_recordset(${JSON.stringify(o.people)}::jsonb) as x(person text, weight float8)
        where t.id = a.task and t.type = ${o.type} and a.person = x.person and a.weight is distinct from x.weight`,
  );
