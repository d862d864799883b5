/** What models wrote while they trained, and how figures were spread over batches: writing once, reading back. */
import { z } from "zod";
import {
  type Distribution,
  type Histogram,
  Sample,
  type SamplesOverTime,
  storableText,
  TillerError,
} from "@tiller/schema";
import { type Db, sql } from "@tiller/store";

// what a model draws need not be text
const asStored = (_: string, x: unknown): unknown => (typeof x === "string" ? storableText(x) : x);
/** A step's texts replace those that a lost process wrote for it. */
export const addSamples = (db: Db, samples: readonly Sample[]): Promise<number> =>
  db.run(sql`insert into sample (id, run, checkpoint, step, prompt, text, scores, pick, tokens)
    select x->>'id', x->>'run', x->>'checkpoint', (x->>'step')::int, x->>'prompt', x->>'text', x->'scores', x->>'pick', nullif(x->'tokens', 'null')
    from jsonb_array_elements(${JSON.stringify(samples, asStored)}::jsonb) x
    on conflict (id) do update set prompt = excluded.prompt, text = excluded.text, scores = excluded.scores, pick = excluded.pick, tokens = excluded.tokens`);

const sampleColumns = sql`s.id, s.run, s.checkpoint, s.step, s.prompt, s.text, s.scores, s.pick`;
/** Without their tokens, which each has by itself. */
export const listSamples = (
  db: Db,
  o: { experiment: string; run?: string | undefined; limit: number },
): Promise<Sample[]> =>
  db.many(
    sql`select ${sampleColumns}, null as tokens from sample s join run r on r.id = s.run where r.experiment = ${o.experiment} and (${o.run ?? null}::text is null or s.run = ${o.run ?? null}) order by s.step desc, s.id limit ${o.limit}`,
    Sample,
  );
export async function getSample(db: Db, id: string): Promise<Sample> {
  const sample = await db.maybe(
    sql`select ${sampleColumns}, s.tokens from sample s where s.id = ${id}`,
    Sample,
  );
  if (!sample)
    throw new TillerError("not_found", `there is no sample ${id}. Look it up in the studio.`);
  return sample;
}

const FEWEST_PAIRS = 20; // of words, for a word about their variety
/** Different pairs of neighbouring words over all such pairs (distinct-2, Li et al. 2016). */
function distinct2(texts: readonly string[]): number | null {
  const seen = new Set<string>();
  let all = 0;
  for (const text of texts) {
    const words = text.toLowerCase().match(/[\p{L}\p{N}']+/gu) ?? [];
    for (let i = 1; i < words.length; i++, all++) seen.add(`${words[i - 1]} ${words[i]}`);
  }
  return all < FEWEST_PAIRS ? null : seen.size / all;
}

/** The step that is asked for, or the last; of fixed prompts where the run has some. */
export async function samplesOverTime(
  db: Db,
  run: string,
  asked?: number,
): Promise<SamplesOverTime> {
  const all = await db.many(
    sql`select ${sampleColumns}, null as tokens from sample s where s.run = ${run} order by s.step, s.id`,
    Sample,
  );
  const chosen = all.filter((s) => s.pick === "fixed");
  const of = chosen.length ? chosen : all.filter((s) => s.pick === "batch");
  const byStep = Map.groupBy(of, (s) => s.step);
  const steps = [...byStep].map(([step, texts]) => ({
    step,
    texts: texts.length,
    distinct2: distinct2(texts.map((s) => s.text)),
  }));
  const first = steps.find((s) => s.distinct2 !== null)?.distinct2 ?? null;
  const fell = steps.find(
    (s) => first !== null && s.distinct2 !== null && s.distinct2 <= first / 2,
  );
  const step = asked !== undefined && byStep.has(asked) ? asked : (steps.at(-1)?.step ?? null);
  const samples = step === null ? [] : byStep.get(step)!;
  const prompts = new Set(samples.map((s) => s.prompt));
  return {
    steps,
    fixed: chosen.length > 0,
    step,
    samples,
    base: (byStep.get(0) ?? []).filter((s) => prompts.has(s.prompt)),
    extremes: all.filter((s) => s.step === step && (s.pick === "best" || s.pick === "worst")),
    collapse: fell ? { step: fell.step, from: first!, to: fell.distinct2! } : null,
  };
}

export const addDistributions = (
  db: Db,
  run: string,
  spread: readonly Distribution[],
): Promise<number> =>
  db.run(sql`insert into distribution (run, step, name, "values")
    select ${run}, (x->>'step')::int, x->>'name', array(select v::float8 from jsonb_array_elements_text(x->'values') v)
    from jsonb_array_elements(${JSON.stringify(spread)}::jsonb) x
    on conflict (run, name, step) do update set "values" = excluded."values"`);

const BINS = 24;
const STEPS = 60; // of a long run: more would not be told apart
/** Each figure's distributions in the same bins, of `STEPS` steps at most, with the first and the last. */
export async function listHistograms(db: Db, run: string): Promise<Histogram[]> {
  const rows = await db.many(
    sql`with bounds as (select name, min(v) as low, max(v) as high from distribution, unnest("values") v where run = ${run} group by name),
          places as (select name, step, "values", row_number() over w - 1 as at, count(*) over (partition by name) as n
            from distribution where run = ${run} window w as (partition by name order by step)),
          chosen as (select * from places where n <= ${STEPS} or floor(at * ${STEPS - 1}::float8 / (n - 1)) > floor((at - 1) * ${STEPS - 1}::float8 / (n - 1)))
        select c.name, c.step, b.low::float8 as low, b.high::float8 as high, array(
            select count(v)::int from generate_series(1, ${BINS}) bin left join unnest(c."values") v
              on bin = case when b.high > b.low then least(${BINS}, width_bucket(v::float8, b.low::float8, b.high::float8, ${BINS})) else 1 end
            group by bin order by bin) as counts
        from chosen c join bounds b using (name) order by c.name, c.step`,
    z.object({
      name: z.string(),
      step: z.int(),
      low: z.number(),
      high: z.number(),
      counts: z.array(z.int()),
    }),
  );
  return [...Map.groupBy(rows, (r) => r.name)].map(([name, of]) => ({
    name,
    low: of[0]!.low,
    high: of[0]!.high,
    steps: of.map(({ step, counts }) => ({ step, counts })),
  }));
}
