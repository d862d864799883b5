/**
 * Curves of runs, thinned for charts: steps side by side are put together, and the extremes of each place stay. Those of runs
 * that have ended are kept, so that a page reads some hundred places a metric; the others are thinned in the database.
 */
import { z } from "zod";
import { type Curve, type CurvesQuery, own, type RunCurves } from "@tiller/schema";
import { type Db, sql, type Sql } from "@tiller/store";

const KEPT = 400; // places a kept curve: as many as a chart has pixels for
const COLUMNS = 200; // metrics a statement: five columns each, and Postgres returns 1,664 at most

/** At most `points` places a curve, each of as many logged steps as the others but the last. */
export async function curvesOf(db: Db, q: CurvesQuery): Promise<RunCurves[]> {
  const runs = [...new Set(q.runs)];
  const kept = q.points > KEPT ? new Map<string, Thinned>() : await keptCurves(db, runs, q.metrics);
  const others = runs.filter((run) => !kept.has(run));
  const ended = q.points > KEPT ? [] : await endedOf(db, others);
  for (const run of ended) await keepCurves(db, run);
  const fresh = ended.length ? await keptCurves(db, ended, q.metrics) : new Map<string, Thinned>();
  const rest = others.filter((run) => !fresh.has(run));
  const thin = rest.length
    ? await thinned(db, rest, q.metrics ?? (await namesOf(db, rest)), q.points)
    : new Map<string, Thinned>();
  return runs.map((run) => {
    const { steps, curves } = kept.get(run) ?? fresh.get(run) ?? thin.get(run)!;
    return { run, steps, curves: curves.map((c) => shown(c, steps, q.points)) };
  });
}

/** Steps that were put together, a list of each: which place, the last step, how many have the metric, their mean and extremes. */
const Places = z.custom<
  Readonly<Record<"at" | "steps" | "n" | "values" | "low" | "high", readonly number[]>>
>((x) => typeof x === "object"); // not value by value: 8 runs of 18 metrics are 200,000
interface Places extends z.infer<typeof Places> {
  readonly metric: string;
  /** steps in a place */
  readonly each: number;
}
interface Thinned {
  /** that the run has logged */
  readonly steps: number;
  readonly curves: Places[];
}

/** Of those that have any: they ended, and nothing was logged since. */
async function keptCurves(
  db: Db,
  runs: readonly string[],
  metrics: readonly string[] | undefined,
): Promise<Map<string, Thinned>> {
  const rows = await db.many(
    sql`select r.id as run, r.curve_steps as steps, c.metric, c.each, c.places from run r
          left join curve c on c.run = r.id and (${metrics ? [...metrics] : null}::text[] is null or c.metric = any(${metrics ? [...metrics] : null}::text[]))
        where r.id = any(${[...runs]}) and r.state <> 'running' and r.curve_last = (select max(step) from metric where run = r.id)
        order by r.id, c.metric`,
    z.object({
      run: z.string(),
      steps: z.int(),
      metric: z.string().nullable(),
      each: z.int().nullable(),
      places: Places.nullable(),
    }),
  );
  return new Map(
    [...Map.groupBy(rows, (r) => r.run)].map(([run, of]) => {
      const curves = of.flatMap(({ metric, each, places }) =>
        metric === null || each === null || places === null ? [] : [{ metric, each, ...places }],
      );
      return [run, { steps: of[0]!.steps, curves }];
    }),
  );
}
const endedOf = async (db: Db, runs: readonly string[]): Promise<string[]> =>
  (
    await db.many(
      sql`select id from run where id = any(${[...runs]}) and state <> 'running' and exists (select from metric where run = id)`,
      z.object({ id: z.string() }),
    )
  ).map((r) => r.id);

/** Keeps the curves of a run that has ended. */
export async function keepCurves(db: Db, run: string): Promise<void> {
  const found = (await thinned(db, [run], await namesOf(db, [run]), KEPT)).get(run)!;
  const rows = found.curves.map(({ metric, each, ...places }) => ({ metric, each, places }));
  await db.transaction(async (tx) => {
    await tx.run(sql`delete from curve where run = ${run}`);
    await tx.run(
      sql`insert into curve (run, metric, each, places) select ${run}, x->>'metric', (x->>'each')::int, x->'places' from json_array_elements(${JSON.stringify(rows)}::json) x
          on conflict (run, metric) do nothing`, // two pages that look at once
    );
    await tx.run(
      sql`update run set curve_steps = ${found.steps}, curve_last = (select max(step) from metric where run = ${run}) where id = ${run}`,
    );
  });
}

/** Neighbours put together until a run of so many steps has at most `points` places; six digits a number. */
function shown({ metric, each, ...p }: Places, steps: number, points: number): Curve {
  const by = Math.ceil(Math.ceil(steps / each) / points);
  if (by <= 1) {
    const { steps: at, values, low, high } = p;
    return {
      metric,
      steps: [...at],
      values: [...values],
      ...(each > 1 && { low: [...low], high: [...high] }),
    };
  }
  const curve = { metric, steps: [], values: [], low: [], high: [] } as Required<Curve>;
  for (let from = 0, to = 0; from < p.at.length; from = to) {
    const group = Math.floor(p.at[from]! / by);
    let [sum, n, low, high] = [0, 0, Infinity, -Infinity];
    for (; to < p.at.length && Math.floor(p.at[to]! / by) === group; to++) {
      sum += p.n[to]! * p.values[to]!;
      n += p.n[to]!;
      low = Math.min(low, p.low[to]!);
      high = Math.max(high, p.high[to]!);
    }
    curve.steps.push(p.steps[to - 1]!);
    curve.values.push(short(sum / n));
    curve.low.push(low);
    curve.high.push(high);
  }
  return curve;
}

const namesOf = async (db: Db, runs: readonly string[]): Promise<string[]> =>
  (
    await db.many(
      sql`select distinct name from metric, jsonb_object_keys("values") name where run = any(${[...runs]}) order by name`,
      z.object({ name: z.string() }),
    )
  ).map((n) => n.name);

type Figure = "step" | "n" | "mean" | "low" | "high";
interface Place {
  readonly run: string;
  readonly all: number;
  readonly each: number;
  readonly [figure: `${Figure} ${number}`]: number | null;
}
const PlaceRow = z.custom<Place>((x) => typeof x === "object");
/** Out of the steps themselves. */
async function thinned(
  db: Db,
  runs: readonly string[],
  metrics: readonly string[],
  points: number,
): Promise<Map<string, Thinned>> {
  const names = [...new Set(metrics)];
  const found = new Map(runs.map((run) => [run, { steps: 0, curves: [] as Places[] }]));
  for (let from = 0; from === 0 || from < names.length; from += COLUMNS) {
    const some = names.slice(from, from + COLUMNS);
    const places = await db.many(placesOf(runs, some, points), PlaceRow);
    for (const [run, of] of Map.groupBy(places, (p) => p.run)) {
      const known = found.get(run)!;
      known.steps = of[0]!.all;
      known.curves.push(
        ...some.map((name, i) => columnsOf(name, i, of)).filter((c) => c.steps.length),
      );
    }
  }
  return found;
}
function columnsOf(metric: string, i: number, places: readonly Place[]): Places {
  const at = places.flatMap((p, n) => (p[`step ${i}`] === null ? [] : [n])); // a metric may be logged at some steps only
  const logged = at.map((n) => places[n]!);
  const column = (figure: Figure) => logged.map((p) => p[`${figure} ${i}`]!);
  return {
    metric,
    each: places[0]!.each,
    at,
    steps: column("step"),
    n: column("n"),
    values: column("mean").map(short),
    low: column("low").map(short),
    high: column("high").map(short),
  };
}

const listed = (parts: readonly Sql[]): Sql => parts.reduce((all, p) => sql`${all}, ${p}`);
const plain = (text: string): Sql => ({ text, values: [] });
/**
 * Where places begin is found from the steps alone, which the index has; the values, a kilobyte or two a step, are then read
 * once and neither sorted nor joined. `offset 0`: each value is taken out of its object once, not once for each figure.
 */
function placesOf(runs: readonly string[], names: readonly string[], points: number): Sql {
  const values = names.map((n, i) => sql`("values"->>${n}::text)::float8 as ${plain(`v${i}`)}`);
  const figures = names.map((_, i) =>
    plain(
      `max(step) filter (where v${i} is not null) as "step ${i}", count(v${i})::int as "n ${i}", avg(v${i}) as "mean ${i}", min(v${i}) as "low ${i}", max(v${i}) as "high ${i}"`,
    ),
  );
  return sql`with logged as (
      select run, step, row_number() over (partition by run order by step) - 1 as at, count(*) over (partition by run)::int as "all"
      from metric where run = any(${[...runs]})),
    widths as (select *, ceil("all"::float8 / ${points})::int as each from logged),
    begins as materialized (
      select run, "all", each, array_agg(step order by step) filter (where at % each = 0) as steps from widths group by run, "all", each)
    select ${listed([plain('run, "all", each'), ...figures])}
    from (select ${listed([plain("m.run, m.step, b.all, b.each, width_bucket(m.step, b.steps) as place"), ...values])}
      from begins b join metric m on m.run = b.run offset 0) x
    group by run, "all", each, place order by run, place`;
}
/** As exact as a chart needs, and a third of the bytes. */
const short = (x: number): number => Number(x.toPrecision(6));

const Row = z.object({
  run: z.string(),
  step: z.number(),
  values: z.custom<Readonly<Record<string, number | null>>>((x) => typeof x === "object"),
});
const PAGE = 2000; // steps
const BEFORE_ALL = -1; // steps count from 0
/** Every step of a run as CSV, a metric a column. */
export async function* metricsCsv(db: Db, run: string): AsyncGenerator<string> {
  const names = await db.many(
    sql`select distinct k as name from metric, jsonb_object_keys("values") k where run = ${run} order by 1`,
    z.object({ name: z.string() }),
  );
  const cell = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  yield `${["step", ...names.map((n) => cell(n.name))].join(",")}\n`;
  for (let after = BEFORE_ALL; ;) {
    const rows = await db.many(
      sql`select run, step, "values" from metric where run = ${run} and step > ${after} order by step limit ${PAGE}`,
      Row,
    );
    if (!rows.length) return;
    yield rows
      .map((r) => `${[r.step, ...names.map((n) => own(r.values, n.name) ?? "")].join(",")}\n`)
      .join("");
    after = rows.at(-1)!.step;
  }
}
