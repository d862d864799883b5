/** What an import asks and does, over the temporary tables `staged` (line, row) and `fresh` (those that are new). */

export interface Check {
  /** gives line and what of each problem */
  readonly find: string;
  readonly say: (what: string) => string;
}
const version = `coalesce(k.instructions_version, left(encode(sha256(convert_to(k.instructions, 'UTF8')), 'hex'), 16))`;
const unknown = `not exists (select 1 from answer a where a.id = row->>'answer')`;

export const checks: readonly Check[] = [
  {
    find: `select max(line) as line, row->>'answer' as what from staged group by 2 having count(*) > 1 order by 1`,
    say: (answer) => `answer ${answer} stands there twice. Take one out`,
  },
  {
    find: `select max(line) as line, concat(row->>'rater', ' on ', row->>'task') as what from staged
           where row->>'undoneAt' is null group by row->>'task', row->>'rater' having count(*) > 1 order by 1`,
    say: (who) => `${who}: one person answers a task once. Take one out, or mark it by undoneAt`,
  },
  {
    find: `select max(line) as line, row->>'task' as what from staged group by 2
           having count(distinct (row->'input', row->>'batch', row->>'experiment', row->>'type', row->>'typeVersion', nullif(row->'draft', 'null'))) > 1 order by 1`,
    say: (task) => `task ${task} is two different tasks in this file. Give them two ids`,
  },
  {
    find: `select max(line) as line, concat(row->>'type', '@', row->>'typeVersion') as what from staged
           group by 2 having count(distinct row->>'instructionsVersion') > 1 order by 1`,
    say: (type) => `${type} has two versions of instructions. Give one of them another typeVersion`,
  },
  {
    // weights are worked out here anew: they may have changed since
    find: `select line, concat(row->>'answer', ' is here already with another ', fields) as what from staged join answer a on a.id = row->>'answer' join person p on p.id = a.person,
           lateral (select concat_ws(', ',
             case when a.task <> row->>'task' then 'task' end,
             case when a.value <> row->'value' then 'value: ' || left(a.value::text, 120) end,
             case when p.pseudonym <> row->>'rater' then 'rater' end,
             case when a.swap <> (row->>'swap')::boolean then 'swap' end,
             case when a.active_seconds <> (row->>'activeSeconds')::float8 then 'activeSeconds' end,
             case when a.idle_seconds <> (row->>'idleSeconds')::float8 then 'idleSeconds' end,
             case when a.at <> (row->>'at')::timestamptz then 'at' end,
             case when a.undone_at is distinct from (row->>'undoneAt')::timestamptz then 'undoneAt' end) as fields) f
           where fields <> '' order by line`,
    say: (what) => `answer ${what}. Answers are not changed by an import`,
  },
  {
    find: `select min(line) as line, concat(row->>'rater', ' on ', row->>'task') as what from staged
           join person p on p.pseudonym = row->>'rater' join lease l on l.task = row->>'task' and l.person = p.id and l.state in ('live', 'answered', 'skipped')
           where row->>'undoneAt' is null and ${unknown} group by 2 order by 1`,
    say: (who) =>
      `${who}: answered it before, in another file: one person answers a task once. Take the row out, or give another experiment`,
  },
  {
    find: `select min(line) as line, t.id as what from staged join task t on t.id = row->>'task'
           where (case when row ? 'byContent' then t.input - 'source' else t.input end, t.batch, t.type, t.type_version) is distinct from
             (case when row ? 'byContent' then (row->'input') - 'source' else row->'input' end, row->>'batch', row->>'type', row->>'typeVersion') group by 2 order by 1`,
    say: (task) => `task ${task} is here already and differs. Give it another id`,
  },
  {
    find: `select min(line) as line, row->>'experiment' as what from staged left join experiment e on e.id = row->>'experiment' left join project r on r.id = row->>'experiment'
           where (e.recipe <> 'import@1' or r.id is not null or row->>'experiment' = 'measuring') and ${unknown} group by 2 order by 1`,
    say: (id) =>
      `experiment ${id} runs here itself. Give the rows another experiment and other batches`,
  },
  {
    find: `select min(line) as line, b.id as what from staged join batch b on b.id = row->>'batch' where coalesce(b.experiment, b.project, 'measuring') <> row->>'experiment' group by 2 order by 1`,
    say: (batch) => `batch ${batch} belongs to another experiment here. Give it another id`,
  },
  {
    find: `select min(line) as line, p.pseudonym as what from staged join person p on p.pseudonym = row->>'rater' where not p.imported and ${unknown} group by 2 order by 1`,
    say: (who) => `${who} is the pseudonym of somebody who works here. Give --rater-prefix`,
  },
  {
    find: `select min(line) as line, concat(k.name, '@', k.version) as what from staged join task_type k on (k.name, k.version) = (row->>'type', row->>'typeVersion')
           where ${version} <> row->>'instructionsVersion' group by 2 order by 1`,
    say: (type) => `${type} has other instructions here. Give the rows another typeVersion`,
  },
];

export const inserts = {
  fresh: `create temp table fresh on commit drop as select line, row from staged where ${unknown}`,
  types: `insert into task_type (name, version, title, instructions, view, input_schema, output_schema, instructions_version)
    select distinct on (1, 2) row->>'type', row->>'typeVersion', coalesce(k.title, row->>'type'), coalesce(k.instructions, ''), k.view, k."inputSchema", k."outputSchema",
      nullif(row->>'instructionsVersion', left(encode(sha256(convert_to(coalesce(k.instructions, ''), 'UTF8')), 'hex'), 16))
    from fresh left join jsonb_to_recordset($1::jsonb) k(name text, version text, title text, instructions text, view jsonb, "inputSchema" jsonb, "outputSchema" jsonb)
      on (k.name, k.version) = (row->>'type', row->>'typeVersion')
    on conflict do nothing returning name || '@' || version as name`,
  experiments: `insert into experiment (id, recipe, title, state, seed, config, ended_at, origin)
    select distinct row->>'experiment', 'import@1', row->>'experiment', 'done', 0, '{}'::jsonb, now(), $1::jsonb from fresh
    on conflict do nothing returning id`,
  people: `insert into person (id, name, pseudonym, role, simulated, imported, disabled_at)
    select 'imported:' || (row->>'rater'), row->>'rater', row->>'rater', 'rater', bool_or((row->>'simulated')::boolean), true, now()
    from fresh group by row->>'rater' on conflict do nothing`,
  batches: `insert into batch (id, experiment, wanted, done, consumed_at)
    select distinct row->>'batch', row->>'experiment', 0, 0, now() from fresh on conflict do nothing`,
  tasks: `insert into task (id, batch, place, type, type_version, input, draft, people)
    select distinct on (row->>'task') row->>'task', row->>'batch', line, row->>'type', row->>'typeVersion', row->'input', nullif(row->'draft', 'null'), 1
    from fresh order by row->>'task', line on conflict do nothing`,
  leases: `insert into lease (id, task, person, swap, shown, state, expires_at, created_at)
    select 'lease:' || (row->>'answer'), row->>'task', p.id, (row->>'swap')::boolean, nullif(row->'shown', 'null'), case when row->>'undoneAt' is null then 'answered' else 'expired' end,
      (row->>'at')::timestamptz, (row->>'at')::timestamptz from fresh join person p on p.pseudonym = row->>'rater'`,
  answers: `insert into answer (id, task, lease, person, value, swap, active_seconds, idle_seconds, weight, at, undone_at)
    select row->>'answer', row->>'task', 'lease:' || (row->>'answer'), p.id, row->'value', (row->>'swap')::boolean, (row->>'activeSeconds')::float8, (row->>'idleSeconds')::float8,
      (row->>'weight')::float8, (row->>'at')::timestamptz, (row->>'undoneAt')::timestamptz from fresh join person p on p.pseudonym = row->>'rater'`,
  counts: `with n as (select t.id, count(*) filter (where a.undone_at is null)::int as n from task t join answer a on a.task = t.id
      where t.id in (select row->>'task' from fresh) group by t.id)
    update task set people = greatest(n.n, 1), taken = n.n from n where task.id = n.id;
    with n as (select t.batch, sum(t.taken)::int as n from task t where t.batch in (select row->>'batch' from fresh) group by t.batch)
    update batch set wanted = n.n, done = n.n from n where batch.id = n.batch`,
} as const;
