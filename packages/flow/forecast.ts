/** What an experiment would cost before it is begun: people's answers and time by kind of work, and the nearest one that ended. */
import { z } from "zod";
import {
  differingSettings,
  type ExperimentForecast,
  type ForecastWork,
  InputSchema,
  settingsOf,
  TillerError,
  withDefaults,
} from "@tiller/schema";
import { smallConfig } from "@tiller/lab";
import { type Db, sql } from "@tiller/store";
import type { FlowServer } from "./server.ts";

const LOOKED_AT = 200; // the newest that are done
const Spent = z.object({
  id: z.string(),
  title: z.string(),
  config: z.record(z.string(), z.unknown()),
  minutes: z.number(),
  answers: z.number(),
  money: z.number(),
  tokens: z.number(),
});

export async function forecastExperiment(
  db: Db,
  flow: Pick<FlowServer, "asks" | "workflows">,
  o: { readonly workflow: string; readonly input: unknown },
): Promise<ExperimentForecast> {
  const asks = await flow.asks(o.workflow, o.input);
  const known = flow.workflows().find((w) => w.name === o.workflow);
  if (!known) throw new TillerError("unknown_workflow", `there is no workflow ${o.workflow}.`);
  const schema = InputSchema.parse(known.input);
  return {
    asks: asks && (await Promise.all(Object.entries(asks).map(([k, n]) => workOf(db, k, n)))),
    nearest: await nearest(db, o.workflow, (config) => withDefaults(schema, config), o.input),
  };
}

/** At the median active time that people took so far, and today's rates. */
async function workOf(db: Db, kind: string, answers: number): Promise<ForecastWork> {
  const { each, measured } = await db.one(
    sql`select percentile_cont(0.5) within group (order by a.active_seconds) as each, count(*)::int as measured
        from answer a join task t on t.id = a.task join person p on p.id = a.person where t.type = ${kind} and a.undone_at is null and not p.simulated`,
    z.object({ each: z.number().nullable(), measured: z.int() }),
  );
  const seconds = each === null ? null : each * answers;
  const rate = await db.maybe(
    sql`select currency, (pay_parts(${kind}, null, now(), ${Math.round(1000 * (seconds ?? 0))}::bigint, ${answers}) / 3600000.0)::float8 as amount
        from pay_rate where valid_from <= now() limit 1`,
    z.object({ currency: z.string(), amount: z.number() }),
  );
  return { kind, answers, seconds, measured, pay: seconds === null ? null : (rate ?? null) };
}

/** The experiment of the workflow whose settings differ least, the newest of equals. */
async function nearest(
  db: Db,
  workflow: string,
  full: (config: unknown) => unknown,
  input: unknown,
): Promise<ExperimentForecast["nearest"]> {
  const rows = await db.many(
    sql`select e.id, e.title, ${smallConfig} as config, (extract(epoch from e.ended_at - e.started_at) / 60)::float8 as minutes,
          coalesce(s.people, 0)::float8 as answers, coalesce(s.money, 0)::float8 as money, coalesce(s.tokens, 0)::float8 as tokens
        from experiment e left join (select experiment, sum(money) as money, sum(tokens) as tokens, sum(people) as people from spend group by experiment) s on s.experiment = e.id
        where e.recipe = ${workflow} and e.state = 'done' and e.ended_at is not null and not coalesce(e.origin ? 'imported', false)
        order by e.started_at desc limit ${LOOKED_AT}`,
    Spent,
  );
  const here = full(input);
  const settings = settingsOf(here);
  const [first] = rows
    .map(({ config, ...spent }) => {
      const there = full(config);
      const others = settingsOf(there);
      const differs = differingSettings([there, here]).map((path) => ({
        path,
        there: others.get(path),
        here: settings.get(path),
      }));
      return { ...spent, differs };
    })
    .toSorted((a, b) => a.differs.length - b.differs.length);
  return first ?? null;
}
