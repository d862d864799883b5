/** Experiments, runs, metrics, samples, datasets, checkpoints, reports: writing them once, reading them back. */
import { z } from "zod";
import {
  Agents,
  type Artefact,
  Budget,
  Checkpoint,
  Dataset,
  Experiment,
  type ExperimentLabels,
  type Lineage,
  type MetricDefs,
  MetricPoint,
  type NewReport,
  Report,
  Run,
  type Stage,
  Stage as StageSchema,
  TillerError,
  UNNAMED_ROWS,
} from "@tiller/schema";
import {
  blobBytes,
  blobLines,
  type Db,
  jsonText,
  linePieces,
  resolveValue,
  sql,
  type StoredValue,
  writeBlob,
} from "@tiller/store";
import { rowsId } from "@tiller/store/canonical.ts";
import { checkpointColumns, getCheckpoint } from "./checkpoints.ts";
import { keepCurves } from "./curves.ts";

const found = <T>(x: T | undefined, what: string, id: string): T => {
  if (x === undefined)
    throw new TillerError("not_found", `there is no ${what} ${id}. Look it up in the studio.`);
  return x;
};
const json = (x: unknown) => JSON.stringify(x);

export async function createExperiment(
  db: Db,
  e: {
    id: string;
    recipe: string;
    title: string;
    seed: number;
    config: unknown;
    stages: readonly { name: string; title: string }[];
    note?: string;
    tags?: readonly string[];
    agents?: Agents;
    budget?: Budget;
    /** blob of what is known from another experiment */
    carried?: string | null;
    origin?: Record<string, unknown> | null;
    codeRevision?: string;
  },
): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.run(
      sql`insert into experiment (id, recipe, title, note, tags, seed, config, agents, budget, carried, origin, code_revision)
          values (${e.id}, ${e.recipe}, ${e.title}, ${e.note ?? ""}, ${[...(e.tags ?? [])]}, ${e.seed}, ${json(e.config)}, ${json(e.agents ?? {})}, ${json(e.budget ?? {})}, ${e.carried ?? null},
            ${e.origin ? json(e.origin) : null}, ${e.codeRevision ?? null}) on conflict do nothing`,
    );
    for (const [place, s] of e.stages.entries())
      await tx.run(
        sql`insert into stage (experiment, name, place, title) values (${e.id}, ${s.name}, ${place}, ${s.title}) on conflict do nothing`,
      );
  });
}
/** What is left out stays. */
export async function labelExperiment(db: Db, id: string, l: ExperimentLabels): Promise<void> {
  const n = await db.run(
    sql`update experiment set title = coalesce(${l.title ?? null}, title), note = coalesce(${l.note ?? null}, note), tags = coalesce(${l.tags ?? null}::text[], tags) where id = ${id}`,
  );
  found(n || undefined, "experiment", id);
}
export const endExperiment = (
  db: Db,
  id: string,
  o: {
    state: "done" | "failed" | "cancelled";
    error?: string;
    result?: unknown;
    /** in place of a large one */
    resultBlob?: string;
    resultBytes?: number;
  },
): Promise<number> =>
  db.run(
    sql`update experiment set state = ${o.state}, ended_at = greatest(now(), started_at), error = ${o.error ?? null}, result = ${o.result === undefined ? null : jsonText(o.result)},
          result_blob = ${o.resultBlob ?? null}, result_bytes = ${o.resultBytes ?? null} where id = ${id} and state in ('running', 'held')`,
  );
/** A result as the row of its experiment keeps it. */
export async function keptResult(
  home: string,
  stored: StoredValue,
): Promise<{ result?: unknown; resultBlob?: string; resultBytes: number }> {
  if ("blob" in stored)
    return { resultBlob: stored.blob, resultBytes: await blobBytes(home, stored.blob) };
  const result = await resolveValue(home, stored);
  return { result, resultBytes: Buffer.byteLength(jsonText(result)) };
}

/** What an experiment was given beside its input. */
export const experimentExtras = (db: Db, id: string) =>
  db.one(
    sql`select agents, carried, budget, recipe from experiment where id = ${id}`,
    z.object({
      agents: Agents,
      carried: z.string().nullable(),
      budget: Budget,
      recipe: z.string(),
    }),
  );

/** Experiments under way that have no agents of their own and nothing carried over. */
export const plainExperiments = async (db: Db): Promise<string[]> =>
  (
    await db.many(
      sql`select id from experiment where state in ('running', 'held') and agents = '{}' and carried is null`,
      z.object({ id: z.string() }),
    )
  ).map((e) => e.id);

const stageColumns = sql`name, title, state, done, total, note, started_at as "startedAt", ended_at as "endedAt", run`;
/** Beyond this size, as Postgres keeps it, a value is not sent with its experiment. */
const SENT_BYTES = sql`64000`;
/** Of an experiment in table `e`: nothing in place of a large one, which is asked for by itself. */
export const smallResult = sql`case when pg_column_size(e.result) <= ${SENT_BYTES} then e.result end`;
/** Of an experiment in table `e`: nothing in place of a large input, which its root node has. */
export const smallConfig = sql`case when pg_column_size(e.config) <= ${SENT_BYTES} then e.config else '{}' end`;
export const resultBytes = sql`coalesce(e.result_bytes, pg_column_size(e.result))`;
const experimentColumns = sql`e.id, e.recipe, e.title, e.note, e.tags, e.state, e.seed, e.config, e.started_at as "startedAt", e.ended_at as "endedAt", e.error, e.summary, ${smallResult} as result, ${resultBytes} as "resultBytes", e.agents, e.budget, e.origin,
  coalesce((select jsonb_agg(jsonb_build_object('name', s.name, 'title', s.title, 'state', s.state, 'done', s.done, 'total', s.total, 'note', s.note,
    'startedAt', to_char(s.started_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'endedAt', to_char(s.ended_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'run', s.run) order by s.place)
    from stage s where s.experiment = e.id), '[]') as stages`;
export const listExperiments = (db: Db): Promise<Experiment[]> =>
  db.many(
    // no results, and no inputs that are large: each is asked for by itself
    sql`select x.*, null as result, case when pg_column_size(x.config) <= ${SENT_BYTES} then x.config else '{}' end as config
        from (select ${experimentColumns} from experiment e) x order by x."startedAt" desc`,
    Experiment,
  );
/** As pages get it: its input where it is small. */
export const shownExperiment = async (db: Db, id: string): Promise<Experiment> =>
  found(
    await db.maybe(
      sql`select x.*, case when pg_column_size(x.config) <= ${SENT_BYTES} then x.config else '{}' end as config
          from (select ${experimentColumns} from experiment e where e.id = ${id}) x`,
      Experiment,
    ),
    "experiment",
    id,
  );
export const getExperiment = async (db: Db, id: string): Promise<Experiment> =>
  found(
    await db.maybe(
      sql`select ${experimentColumns} from experiment e where e.id = ${id}`,
      Experiment,
    ),
    "experiment",
    id,
  );

/** Changes a stage; `running` keeps the first start, `done` and `failed` set the end. */
export async function setStage(
  db: Db,
  experiment: string,
  name: string,
  s: Partial<Pick<Stage, "state" | "done" | "total" | "note" | "run">>,
): Promise<Stage> {
  return db.one(
    sql`update stage set state = coalesce(${s.state ?? null}, state), done = coalesce(${s.done ?? null}, done), total = coalesce(${s.total ?? null}, total),
          note = coalesce(${s.note ?? null}, note), run = coalesce(${s.run ?? null}, run),
          started_at = case when ${s.state ?? null}::text = 'running' then coalesce(started_at, now()) else started_at end,
          ended_at = case when ${s.state ?? null}::text in ('done', 'failed') then now() when ${s.state ?? null}::text = 'running' then null else ended_at end
        where experiment = ${experiment} and name = ${name} returning ${stageColumns}`,
    StageSchema,
  );
}

const runColumns = sql`r.id, r.experiment, r.kind, r.state, r.config, r.code_revision as "codeRevision", r.dataset, r.parent, r.output, r.metrics,
  coalesce((select jsonb_agg(jsonb_build_object('kind', i.kind, 'id', i.id) order by i.kind, i.id) from run_input i where i.run = r.id), '[]') as inputs, r.done, r.total, r.started_at as "startedAt", r.ended_at as "endedAt", r.error`;
export async function startRun(
  db: Db,
  r: {
    id: string;
    experiment: string | null;
    kind: string;
    config: unknown;
    codeRevision: string;
    /** what it reads */
    inputs: readonly Artefact[];
    /** how what it logs reads */
    metrics: MetricDefs;
  },
): Promise<void> {
  const first = (kind: Artefact["kind"]) => r.inputs.find((a) => a.kind === kind)?.id ?? null;
  await db.transaction(async (tx) => {
    await tx.run(sql`insert into run (id, experiment, kind, config, code_revision, dataset, parent, metrics) values (${r.id}, ${r.experiment}, ${r.kind}, ${json(r.config)}, ${r.codeRevision}, ${first("dataset")}, ${first("checkpoint")}, ${json(r.metrics)})
      on conflict (id) do update set state = 'running', error = null, curve_steps = null, curve_last = null`);
    for (const { kind, id, role } of r.inputs) {
      await tx.run(
        sql`insert into run_input (run, kind, id) values (${r.id}, ${kind}, ${id}) on conflict do nothing`,
      );
      if (role) await tx.run(sql`update dataset set role = ${role} where id = ${id}`);
    }
  });
}
export const runProgress = (db: Db, id: string, done: number, total: number): Promise<number> =>
  db.run(sql`update run set done = ${done}, total = ${total} where id = ${id}`);
export async function endRun(
  db: Db,
  id: string,
  o: { state: "done" | "failed"; error?: string; output?: string },
): Promise<void> {
  await db.run(
    sql`update run set state = ${o.state}, error = ${o.error ?? null}, output = ${o.output ?? null}, ended_at = greatest(now(), started_at) where id = ${id}`,
  );
  await keepCurves(db, id).catch(() => {}); // a run that is done does not fail by it: who looks first makes them
}
export const getRun = async (db: Db, id: string): Promise<Run> =>
  found(await db.maybe(sql`select ${runColumns} from run r where r.id = ${id}`, Run), "run", id);
export const listRuns = (db: Db, experiment: string): Promise<Run[]> =>
  db.many(
    sql`select ${runColumns} from run r where r.experiment = ${experiment} order by r.started_at`,
    Run,
  );

/** A step's values replace those a lost process wrote for it: replaying after a crash doubles nothing. */
export const addMetrics = (db: Db, run: string, points: readonly MetricPoint[]): Promise<number> =>
  db.run(sql`insert into metric (run, step, "values") select ${run}, (x->>'step')::int, x->'values' from jsonb_array_elements(${json(points)}::jsonb) x
    on conflict (run, step) do update set "values" = excluded."values"`);
export const getMetrics = (db: Db, run: string, after = -1): Promise<MetricPoint[]> =>
  db.many(
    sql`select step, "values" from metric where run = ${run} and step > ${after} order by step`,
    MetricPoint,
  );

/** The answers that a row names as the judgments behind it. */
const Judged = z.looseObject({ judgments: z.array(z.string()) });
const judgmentsIn = (row: unknown): readonly string[] =>
  Judged.safeParse(row).data?.judgments ?? [];

/** A dataset version under a name: its id is the hash of its rows, whatever order their keys come in. */
export async function saveDataset(
  db: Db,
  home: string,
  d: {
    name: string;
    experiment: string | null;
    rows: readonly unknown[];
    /** the name of the rows' schema */
    schema?: string;
    /** a version that was an evaluation set stays one */
    role?: Dataset["role"];
  },
): Promise<string> {
  const lines = d.rows.map((r) => jsonText(r));
  const id = rowsId(lines);
  const blob = await writeBlob(home, linePieces(lines));
  const judgments = d.rows.reduce<number>((n, r) => n + judgmentsIn(r).length, 0);
  await db.run(
    sql`insert into dataset (id, name, experiment, rows, judgments, blob, schema, role) values (${id}, ${d.name}, ${d.experiment}, ${d.rows.length}, ${judgments}, ${blob}, ${d.schema ?? UNNAMED_ROWS}, ${d.role ?? "data"})
        on conflict (id) do update set role = 'evaluation' where excluded.role = 'evaluation'`,
  );
  return id;
}
const datasetColumns = sql`id, name, schema, experiment, rows, judgments, role, created_at as "createdAt"`;
export const getDataset = async (db: Db, id: string): Promise<Dataset> =>
  found(
    await db.maybe(sql`select ${datasetColumns} from dataset where id = ${id}`, Dataset),
    "dataset",
    id,
  );
/** The newest first; those of a name, and whose rows have a schema, where these are named. */
export const listDatasets = (
  db: Db,
  o: { schema?: string | undefined; name?: string | undefined; limit: number },
): Promise<Dataset[]> =>
  db.many(
    sql`select ${datasetColumns} from dataset where (${o.schema ?? null}::text is null or schema = ${o.schema ?? null})
          and (${o.name ?? null}::text is null or name = ${o.name ?? null}) order by created_at desc, id limit ${o.limit}`,
    Dataset,
  );
/** The rows of a dataset as they were saved, from the `offset`th on, `limit` at most. */
export async function datasetRows(
  db: Db,
  home: string,
  id: string,
  { offset = 0, limit = Infinity }: { offset?: number; limit?: number } = {},
): Promise<unknown[]> {
  const { blob } = found(
    await db.maybe(sql`select blob from dataset where id = ${id}`, z.object({ blob: z.string() })),
    "dataset",
    id,
  );
  const rows: unknown[] = [];
  let at = 0;
  for await (const line of blobLines(home, blob)) {
    if (!line || at++ < offset) continue;
    if (rows.length === limit) break;
    rows.push(JSON.parse(line));
  }
  return rows;
}

/** The walk back from a checkpoint, nearest first: runs, what each read, the checkpoints it came from, who judged. */
export async function lineage(db: Db, home: string, id: string): Promise<Lineage> {
  const checkpoint = await getCheckpoint(db, id);
  const parents: Checkpoint[] = [];
  const datasets: Dataset[] = [];
  const queue: Checkpoint[] = [checkpoint];
  for (let next = queue.shift(); next; next = queue.shift()) {
    const run = next.run === null ? null : await getRun(db, next.run);
    for (const { id: read } of run?.inputs.filter((a) => a.kind === "dataset") ?? [])
      if (!datasets.some((d) => d.id === read)) datasets.push(await getDataset(db, read));
    const above = run?.inputs.filter((a) => a.kind === "checkpoint").map((a) => a.id) ?? [];
    for (const parent of [...above, next.parent ?? ""]) {
      if (parent === id || parents.some((p) => p.id === parent)) continue;
      const found = await db.maybe(
        sql`select ${checkpointColumns()} from checkpoint c where c.id = ${parent}`,
        Checkpoint,
      );
      if (found) queue.push(found);
      if (found) parents.push(found);
    }
  }
  // the answers in these dataset versions, and no others
  const judged = datasets.filter((d) => d.judgments > 0);
  const answers = new Set<string>();
  for (const d of judged)
    for (const row of await datasetRows(db, home, d.id))
      for (const judgment of judgmentsIn(row)) answers.add(judgment);
  const raters = answers.size
    ? await db.many(
        sql`select p.pseudonym, count(*)::int as judgments from answer a join person p on p.id = a.person
            where a.id = any(${[...answers]}) group by p.pseudonym order by 2 desc`,
        z.object({ pseudonym: z.string(), judgments: z.number() }),
      )
    : [];
  const run = checkpoint.run === null ? null : await getRun(db, checkpoint.run);
  return { checkpoint, run, dataset: judged[0] ?? datasets[0] ?? null, datasets, raters, parents };
}

/** An experiment's report, once for all; its summary stands with the experiment. */
export const saveReport = (
  db: Db,
  experiment: string,
  r: z.output<typeof NewReport>,
): Promise<void> =>
  db.transaction(async (tx) => {
    const body = json({ title: r.title, blocks: r.blocks });
    await tx.run(
      sql`insert into report (experiment, body) values (${experiment}, ${body}) on conflict (experiment) do update set body = excluded.body, at = now()`,
    );
    await tx.run(sql`update experiment set summary = ${json(r.summary)} where id = ${experiment}`);
  });
export const getReport = async (db: Db, experiment: string): Promise<Report> =>
  found(
    await db.maybe(
      sql`select e.id as experiment, coalesce(r.body->>'title', e.title) as title, r.at as "createdAt", e.seed, coalesce(e.summary, '[]') as summary, r.body->'blocks' as blocks
          from report r join experiment e on e.id = r.experiment where r.experiment = ${experiment}`,
      Report,
    ),
    "report of experiment",
    experiment,
  );
