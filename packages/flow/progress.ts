/**
 * How far experiments are, when they will end as things go, what they have used up, and what they wait for. Parts are
 * counted once each, an ask once an answer, an item of a map that has not begun as much as the items that ended; what
 * else an experiment has not reached yet nobody can count, and the forecast says so.
 */
import { z } from "zod";
import {
  Budget,
  ExperimentId,
  NodeWait,
  type ExperimentProgress,
  TracedExperiment,
} from "@tiller/schema";
import { type Db, sql } from "@tiller/store";
import { openQueues } from "@tiller/work";

const LISTED = 200; // experiments, the newest
const WAITS = 5; // places listed an experiment, those that wait longest
const NAMED = 4; // people named at a place
const WINDOW_SECONDS = 24 * 3600; // the pace of the last day, or of the experiment where it is younger

const HeadRow = z.object({
  id: ExperimentId,
  recipe: z.string(),
  title: z.string(),
  state: TracedExperiment.shape.state,
  imported: z.boolean(),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable(),
  error: z.string().nullable(),
  budget: Budget,
  money: z.number(),
  tokens: z.number(),
  people: z.number(),
  stages: z.int(),
  stagesDone: z.number(),
  ahead: z.int(),
});
const CountRow = z.object({
  experiment: z.string(),
  total: z.number(),
  done: z.number(),
  failed: z.int(),
  /** parts of what failed: they do not come any more */
  lost: z.number(),
  /** and of what was cancelled */
  dropped: z.number(),
  waiting: z.int(),
  /** of the rest, people's answers; and how much of each was done in the window */
  answersLeft: z.number(),
  recentAnswers: z.number(),
  recentOthers: z.number(),
});
const MapRow = z.object({ experiment: z.string(), answers: z.number(), others: z.number() });
const WaitRow = NodeWait.extend({
  experiment: z.string(),
  node: z.string(),
  name: z.string(),
  kind: z.string(),
  brief: z.string(),
  /** qualifications that its open tasks require and nobody has */
  lacking: z.array(z.string()),
});
type WaitRow = z.infer<typeof WaitRow>;

/** Of asks that are open the batches' counters say how many answers are in; the nodes follow in their own time. */
const answered = sql`left join lateral (
  select (sum(b.done) + coalesce(sum((select sum(k.n) from batch_tick k where k.batch = b.id)), 0))::int as answers
  from batch b where n.state = 'waiting' and b.experiment = n.experiment and b.node = n.id and b.cancelled_at is null) q on true`;
const answersNow = sql`least(greatest(n.answers, coalesce(q.answers, 0)), greatest(n.wanted, n.answers))`;

/** Of the newest, or of one. */
export async function listProgress(
  db: Db,
  o: { now: Date; id?: string },
): Promise<ExperimentProgress[]> {
  const heads = await db.many(
    sql`select e.id, e.recipe, e.title, e.state, coalesce(e.origin ? 'imported', false) as imported, e.started_at as "startedAt", e.ended_at as "endedAt", e.error, e.budget,
          coalesce(s.money, 0)::float8 as money, coalesce(s.tokens, 0)::float8 as tokens, coalesce(s.people, 0)::float8 as people,
          coalesce(g.n, 0)::int as stages, coalesce(g.done, 0)::float8 as "stagesDone", coalesce(g.ahead, 0)::int as ahead
        from (select * from experiment where ${o.id ?? null}::text is null or id = ${o.id ?? null} order by started_at desc limit ${LISTED}) e
        left join (select experiment, sum(money) as money, sum(tokens) as tokens, sum(people) as people from spend group by experiment) s on s.experiment = e.id
        left join (select experiment, count(*) as n, count(*) filter (where state = 'waiting') as ahead, sum(case when state = 'done' then 1 when total > 0 then least(1, done / total) else 0 end) as done from stage group by experiment) g on g.experiment = e.id
        order by e.started_at desc`,
    HeadRow,
  );
  const ids = heads.filter((h) => !h.imported).map((h) => h.id as string);
  const since = new Date(o.now.getTime() - WINDOW_SECONDS * 1000).toISOString();
  const counts = await db.many(
    sql`select n.experiment, sum(greatest(1, n.wanted))::float8 as total,
          sum(case when n.state = 'done' then greatest(1, n.wanted) else ${answersNow} end)::float8 as done,
          count(*) filter (where n.state = 'failed')::int as failed, coalesce(sum(greatest(1, n.wanted) - n.answers) filter (where n.state = 'failed'), 0)::float8 as lost,
          coalesce(sum(greatest(1, n.wanted) - n.answers) filter (where n.state = 'cancelled'), 0)::float8 as dropped, count(*) filter (where n.state = 'waiting')::int as waiting,
          sum(case when n.state in ('running', 'waiting') then greatest(0, n.wanted - ${answersNow}) else 0 end)::float8 as "answersLeft",
          sum(case when n.wanted > 0 and n.ended_at > ${since} then n.wanted
            when n.state = 'waiting' then ${answersNow} * least(1, ${WINDOW_SECONDS} / greatest(1, extract(epoch from ${o.now.toISOString()}::timestamptz - n.started_at))) else 0 end)::float8 as "recentAnswers",
          (count(*) filter (where n.wanted = 0 and n.state = 'done' and n.ended_at > ${since}))::float8 as "recentOthers"
        from node n ${answered} where n.experiment = any(${ids}) and n.kind not in ('workflow', 'map', 'item', 'stage') group by n.experiment`,
    CountRow,
  );
  // items that have not begun: each as many parts as those that ended had, their direct calls counted; 1 until one has
  const unbegun = await db.many(
    sql`with items as (
          select m.id as map, i.id, i.kind, i.wanted, i.state not in ('running', 'waiting') as ended
          from node m join node i on i.experiment = m.experiment and i.parent = m.id
          where m.experiment = any(${ids}) and m.kind = 'map' and m.state = 'running'),
        parts as (
          select i.map, i.id, i.ended, case when count(c.id) > 0 then sum(c.wanted) else min(i.wanted) end as answers,
            case when count(c.id) > 0 then count(*) filter (where c.wanted = 0) when min(i.wanted) = 0 then 1 else 0 end as others
          from items i left join node c on i.kind in ('workflow', 'item') and c.experiment = any(${ids}) and c.parent = i.id and c.kind not in ('workflow', 'map', 'item', 'stage')
          group by i.map, i.id, i.ended),
        maps as (
          select m.experiment, greatest(0, m.wanted - count(p.id)) as left, avg(p.answers) filter (where p.ended) as answers, avg(p.others) filter (where p.ended) as others
          from node m left join parts p on p.map = m.id
          where m.experiment = any(${ids}) and m.kind = 'map' and m.state = 'running' group by m.id)
        select experiment, sum("left" * coalesce(answers, 0))::float8 as answers, sum("left" * coalesce(others, 1))::float8 as others from maps group by experiment`,
    MapRow,
  );
  const waits = await db.many(
    sql`with waiting as (
          select n.*, row_number() over (partition by n.experiment order by n.started_at, n.id) as nth
          from node n join experiment e on e.id = n.experiment and e.state = 'running'
          where n.experiment = any(${ids}) and n.state = 'waiting' and n.kind not in ('workflow', 'map', 'item', 'stage'))
        select w.experiment, w.id as node, w.name, w.kind, w.brief, coalesce(b.id, '') as batch, coalesce(b.type, '') as type, coalesce(b.done, w.answers) as done, coalesce(b.wanted, w.wanted) as wanted,
          w.started_at as since, b.deadline,
          coalesce((select jsonb_agg(jsonb_build_object('pseudonym', p.pseudonym, 'since', to_char(l.created_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) order by l.created_at)
            from task t join lease l on l.task = t.id and l.state = 'live' join person p on p.id = l.person where t.batch = b.id), '[]') as held,
          coalesce((select sum(t.people - t.taken)::int from task t where t.batch = b.id), 0) as free,
          array(select distinct r.qualification from task t, jsonb_to_recordset(t.requires) as r(qualification text, level float8)
            where t.batch = b.id and t.taken < t.people and not exists (select 1 from qualification q where q.name = r.qualification and q.level >= r.level)) as lacking
        from waiting w left join lateral (select b.* from batch b where b.node = w.id or b.id = any(array(select l->>'id' from jsonb_array_elements(w.links) l where l->>'kind' = 'batch')) order by b.created_at desc limit 1) b on true
        where w.nth <= ${WAITS} order by w.started_at, w.id`,
    WaitRow,
  );
  const open = heads.some((h) => h.state === "running" && !h.imported)
    ? Map.groupBy(await openQueues(db, { now: o.now.getTime() }), (q) => q.experiment as string)
    : new Map<string, Awaited<ReturnType<typeof openQueues>>>();
  const countOf = new Map(counts.map((c) => [c.experiment, c]));
  const unbegunOf = new Map(unbegun.map((u) => [u.experiment, u]));
  const waitsOf = Map.groupBy(waits, (w) => w.experiment);
  return heads.map((h) => {
    const c = countOf.get(h.id);
    const more = (h.state === "running" && unbegunOf.get(h.id)) || { answers: 0, others: 0 };
    const staged = h.stages > 0;
    // what was cancelled inside does not come any more; where all was, it is what was not done
    const dropped = h.state === "running" ? (c?.dropped ?? 0) : 0;
    const total = staged ? h.stages : (c?.total ?? 0) - dropped + more.answers + more.others;
    const done = staged ? h.stagesDone : (c?.done ?? 0);
    const until = h.endedAt ? new Date(h.endedAt) : o.now;
    const elapsed = Math.max(0, (until.getTime() - Date.parse(h.startedAt)) / 1000);
    const { money, tokens, people, stages: _, stagesDone: __, ...head } = h;
    return {
      ...head,
      ahead: h.state === "running" ? h.ahead : 0,
      done: h.state === "done" ? total : done,
      total,
      failed: c?.failed ?? 0,
      ...forecast(h.state, {
        answers: { left: (c?.answersLeft ?? 0) + more.answers, recent: c?.recentAnswers ?? 0 },
        others: {
          left: c
            ? c.total - c.done - c.lost - c.dropped - c.answersLeft + more.others
            : more.others,
          recent: c?.recentOthers ?? 0,
        },
        elapsed,
        now: o.now,
        queues: open.get(h.id) ?? [],
      }),
      spent: { money, tokens, people, minutes: elapsed / 60 },
      waits: (waitsOf.get(h.id) ?? []).map((w) => waitInWords(w, o.now)),
      waiting: h.state === "running" ? (c?.waiting ?? 0) : 0,
    };
  });
}

interface Part {
  readonly left: number;
  /** done in the window */
  readonly recent: number;
}
type Queue = Awaited<ReturnType<typeof openQueues>>[number];
/**
 * The end as things go, with the reason where it cannot be told. People's answers come as the control room forecasts their
 * queues; those of which no queue knows yet, and all else, at the pace of the last day (of the experiment where it is younger).
 */
export function forecast(
  state: TracedExperiment["state"],
  o: { answers: Part; others: Part; elapsed: number; now: Date; queues: readonly Queue[] },
): Pick<ExperimentProgress, "end" | "endRange" | "basis"> {
  const none = (basis: string) => ({ end: null, endRange: null, basis });
  if (state === "held") return none("it is held");
  if (state !== "running") return none("it has ended");
  const seconds = Math.max(1, Math.min(o.elapsed, WINDOW_SECONDS));
  const window = seconds >= WINDOW_SECONDS ? "the last 24 hours" : "its time so far";
  const { answers, others, queues } = o;
  const known = queues.reduce((sum, q) => sum + q.wanted - q.done, 0);
  const never = queues.find((q) => q.completion === null);
  if (never)
    return none(
      `nobody who may work on ${never.kind} has given answers: ${never.wanted - never.done} are wanted`,
    );
  if (answers.left > 0 && !known && answers.recent <= 0)
    return none(`nobody has answered in ${window}: ${Math.round(answers.left)} are wanted`);
  if (others.left > 0 && others.recent <= 0) return none(`nothing was finished in ${window}`);
  const left = answers.left + others.left;
  if (left <= 0) return none("no known step is open: how many come is not known");
  const takes = (p: Part) => (p.left > 0 ? (p.left * seconds) / p.recent : 0);
  // what its queues do not know of yet takes as long an answer as what they know
  const scale = known > 0 ? Math.max(1, answers.left / known) : 1;
  const longest = (of: (q: Queue) => number | null): number | null =>
    queues.reduce<number | null>((most, q) => {
      const takesIt = of(q);
      return most === null || takesIt === null ? null : Math.max(most, takesIt * scale);
    }, 0);
  const at = (s: number) => new Date(o.now.getTime() + 1000 * s).toISOString();
  const rest = takes(others);
  const parts =
    Math.round(left) === 1
      ? "the 1 known part that is left"
      : `the ${Math.round(left)} known parts that are left`;
  if (!known)
    return {
      end: at(Math.max(takes(answers), rest)),
      endRange: null,
      basis: `for ${parts}, at the pace of ${window}`,
    };
  const [low, mid, high] = [
    longest((q) => q.completion!.low)!,
    longest((q) => q.completion!.mid)!,
    longest((q) => q.completion!.high),
  ];
  const guess = queues.some((q) => q.completion!.basis === "guess");
  return {
    end: at(Math.max(mid, rest)),
    endRange: {
      low: at(Math.max(low, rest)),
      high: high === null ? null : at(Math.max(high, rest)),
    },
    basis: `for ${parts}, ${guess ? "a guess, since there is no pace yet" : "at the pace of people's answers"}`,
  };
}

/** What a place waits for and how to unblock it; the first rule that fits says it. */
const remedies: readonly {
  fits: (w: WaitRow) => boolean;
  says: (w: WaitRow, now: Date) => string;
}[] = [
  { fits: (w) => w.kind === "sleep", says: () => "It goes on by itself when its time has come." },
  {
    fits: (w) => w.kind !== "ask" || w.batch === "",
    says: () => "Open the step: its details say what it waits for.",
  },
  {
    fits: (w) => w.held.length > 0,
    says: (w, now) =>
      `At work on it: ${atWork(w, now)}. ${w.free ? `${w.free} more may be taken.` : "All places are taken: wait, or ask them."}`,
  },
  {
    fits: (w) => w.lacking.length > 0,
    says: (w) =>
      `Nobody has the qualification ${w.lacking.join(", ")} that it requires: give it to somebody in the control room.`,
  },
  {
    fits: (w) => w.free > 0,
    says: (w) =>
      `Nobody works on it. ${w.free} ${w.free === 1 ? "answer is" : "answers are"} free to take: ask raters to open the desk, or move people to ${w.type} in the control room.`,
  },
  {
    fits: () => true,
    says: () => "All answers are in or on their way; it goes on in a moment. If not, ask it again.",
  },
];
/** Who holds its tasks, those who hold them longest first. */
function atWork(w: WaitRow, now: Date): string {
  const since = new Map(w.held.toReversed().map((h) => [h.pseudonym, Date.parse(h.since)]));
  const first = [...since].toReversed().slice(0, NAMED);
  const more = since.size - first.length;
  const minutes = (at: number) => Math.max(0, Math.round((now.getTime() - at) / 60_000));
  const named = first.map(([name, at]) => `${name} for ${minutes(at)} min`).join(", ");
  return more > 0 ? `${named} and ${more} more` : named;
}
const waitInWords = (w: WaitRow, now: Date): ExperimentProgress["waits"][number] => ({
  node: w.node,
  name: w.name,
  what:
    w.kind === "ask"
      ? `${w.wanted - w.done} of ${w.wanted} answers by people${w.type ? ` (${w.type})` : ""}`
      : w.brief || w.kind,
  since: w.since,
  remedy: remedies.find((r) => r.fits(w))!.says(w, now),
});
