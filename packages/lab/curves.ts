/** Curves of runs, thinned for charts: steps side by side are put together, and the extremes of each place stay. */
import { z } from "zod";
import { type Curve, type CurvesQuery, own, type RunCurves } from "@tiller/schema";
import { type Db, sql } from "@tiller/store";

/** Not parsed value by value: 2,000 steps of 50 metrics are read for one page. */
const Row = z.object({
  run: z.string(),
  step: z.number(),
  values: z.custom<Readonly<Record<string, number | null>>>((x) => typeof x === "object"),
});

export async function curvesOf(db: Db, q: CurvesQuery): Promise<RunCurves[]> {
  const { metrics } = q;
  const values =
    metrics === undefined
      ? sql`"values"`
      : sql`(select jsonb_object_agg(name, "values"->name) from unnest(${metrics}::text[]) name)`;
  const rows = await db.many(
    sql`select run, step, ${values} as "values" from metric where run = any(${q.runs}) order by run, step`,
    Row,
  );
  const byRun = Map.groupBy(rows, (r) => r.run);
  return [...new Set(q.runs)].map((run) => {
    const of = byRun.get(run) ?? [];
    return { run, steps: of.length, curves: thinned(of, q.points) };
  });
}

interface Place {
  step: number;
  sum: number;
  n: number;
  low: number;
  high: number;
}
/** At most `points` places a metric, each of as many logged steps as the others but the last. */
function thinned(rows: readonly z.infer<typeof Row>[], points: number): Curve[] {
  const each = Math.max(1, Math.ceil(rows.length / points));
  const curves = new Map<string, Place[]>();
  for (const [i, { step, values }] of rows.entries())
    for (const [name, value] of Object.entries(values)) {
      if (value === null || value === undefined) continue;
      let places = curves.get(name);
      if (!places) curves.set(name, (places = []));
      const at = Math.floor(i / each);
      const place = places[at];
      if (!place) {
        places[at] = { step, sum: value, n: 1, low: value, high: value };
        continue;
      }
      place.step = step;
      place.sum += value;
      place.n++;
      if (value < place.low) place.low = value;
      if (value > place.high) place.high = value;
    }
  return [...curves].map(([metric, sparse]) => {
    const places = sparse.flat(); // what a metric was not logged at leaves holes
    const curve = {
      metric,
      steps: places.map((p) => p.step),
      values: places.map((p) => short(p.sum / p.n)),
    };
    return each === 1
      ? curve
      : {
          ...curve,
          low: places.map((p) => short(p.low)),
          high: places.map((p) => short(p.high)),
        };
  });
}
/** As exact as a chart needs, and a third of the bytes. */
const short = (x: number): number => Number(x.toPrecision(6));

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
