-- A dataset's rows have the name of their schema.
alter table dataset add column schema text not null default 'rows';
update dataset set schema = case kind when 'pairs' then 'labelled-pair@1' else 'rows' end;
alter table dataset drop column kind;

-- A report is a title and typed blocks, a summary is a list of named metrics. Those of the first experiment are rewritten:
-- it was the only one that had any.
alter table report add column at timestamptz not null default now();
update report set at = (body->>'createdAt')::timestamptz where body ? 'createdAt';

create function pg_temp.metric(name text, label text, value jsonb, unit text, low jsonb, high jsonb, better text, note text) returns jsonb language sql as $$
  select jsonb_build_object('name', name, 'label', label, 'value', value, 'unit', unit, 'low', low, 'high', high, 'better', better, 'note', note)
$$;
create function pg_temp.column_of(label text, unit text, better text) returns jsonb language sql as $$
  select jsonb_build_object('label', label, 'unit', unit, 'better', better)
$$;
create function pg_temp.line_of(label text, points jsonb, dots boolean) returns jsonb language sql as $$
  select jsonb_build_object('label', label, 'points', coalesce(points, '[]'), 'dots', dots)
$$;
create function pg_temp.curve_of(title text, x text, y text, unit text, lines jsonb) returns jsonb language sql as $$
  select jsonb_build_object('kind', 'curve', 'title', title, 'note', '', 'x', jsonb_build_object('label', x, 'unit', ''), 'y', jsonb_build_object('label', y, 'unit', unit), 'lines', lines)
$$;
create function pg_temp.points_of(points jsonb, key text) returns jsonb language sql as $$
  select jsonb_agg(jsonb_build_array(p->'step', p->'values'->key) order by n) from jsonb_array_elements(points) with ordinality x(p, n) where jsonb_typeof(p->'values'->key) = 'number'
$$;
create function pg_temp.between(value jsonb, low jsonb, high jsonb) returns jsonb language sql as $$
  select case when jsonb_typeof(value) = 'number' and jsonb_typeof(low) = 'number' and jsonb_typeof(high) = 'number'
    then jsonb_build_object('value', value, 'low', low, 'high', high) else coalesce(value, 'null') end
$$;

update experiment e set summary = jsonb_build_array(
  pg_temp.metric('winRate', 'Wins against the base', s->'winRate', 'fraction', p.arm->'winRateLow', p.arm->'winRateHigh', 'up', 'held-out passages, ties half'),
  pg_temp.metric('kl', 'KL to the base', s->'kl', 'nats', null, null, null, 'a continuation'),
  pg_temp.metric('rewardAccuracy', 'Reward model right', s->'rewardAccuracy', 'fraction', r.body->'rewardModel'->'low', r.body->'rewardModel'->'high', 'up', 'held-out pairs'),
  pg_temp.metric('distinct2Ratio', 'Distinct bigrams', s->'distinct2Ratio', 'fraction', null, null, null, 'of the base''s'),
  pg_temp.metric('judgments', 'Judgments', s->'judgments', '', null, null, null, ''),
  pg_temp.metric('carelessFound', 'Careless raters found', to_jsonb(coalesce(jsonb_array_length(s->'carelessFound'), 0)), '', null, null, null,
    coalesce((select string_agg(x, ', ') from jsonb_array_elements_text(s->'carelessFound') x), '')),
  pg_temp.metric('seconds', 'Time', s->'seconds', 's', null, null, null, 'from start to report'))
from (select id, summary as s from experiment) o left join report r on r.experiment = o.id
  left join lateral (select a as arm from jsonb_array_elements(case when jsonb_typeof(r.body->'table') = 'array' then r.body->'table' else '[]' end) a where a->>'arm' = 'policy' limit 1) p on true
where o.id = e.id and jsonb_typeof(o.s) = 'object';

update report set body = jsonb_build_object('title', body->'title', 'blocks', jsonb_build_array(
  jsonb_build_object('kind', 'table', 'title', 'Held-out passages', 'note', '', 'columns', jsonb_build_array(
      pg_temp.column_of('Arm', '', null), pg_temp.column_of('Passages', '', null), pg_temp.column_of('Wins against base', 'fraction', 'up'), pg_temp.column_of('Reward', '', 'up'),
      pg_temp.column_of('Tone', '', 'up'), pg_temp.column_of('KL', 'nats', null), pg_temp.column_of('Tokens', '', null), pg_temp.column_of('Distinct-1', '', null), pg_temp.column_of('Distinct-2', '', null)),
    'rows', coalesce((select jsonb_agg(jsonb_build_array(a->'arm', a->'n', pg_temp.between(a->'winRate', a->'winRateLow', a->'winRateHigh'), a->'reward', coalesce(a->'preference', a->'taste'), a->'kl', a->'length', a->'distinct1', a->'distinct2') order by n)
      from jsonb_array_elements(body->'table') with ordinality x(a, n)), '[]')),
  pg_temp.curve_of('Score during PPO', 'iteration', 'score', '', jsonb_build_array(pg_temp.line_of('score', pg_temp.points_of(body->'ppo', 'score'), false))),
  pg_temp.curve_of('KL to the base', 'iteration', 'KL', 'nats', jsonb_build_array(pg_temp.line_of('KL', pg_temp.points_of(body->'ppo', 'kl'), false))),
  pg_temp.curve_of('Entropy a token', 'iteration', 'entropy', 'nats', jsonb_build_array(pg_temp.line_of('entropy', pg_temp.points_of(body->'ppo', 'entropy'), false))),
  pg_temp.curve_of('Clip fraction', 'iteration', 'clip fraction', '', jsonb_build_array(pg_temp.line_of('clip fraction', pg_temp.points_of(body->'ppo', 'clipFraction'), false))),
  pg_temp.curve_of('Reward model loss', 'step', 'loss', 'nats', jsonb_build_array(
    pg_temp.line_of('training', pg_temp.points_of(body->'rewardModel'->'curve', 'loss'), false), pg_temp.line_of('validation', pg_temp.points_of(body->'rewardModel'->'curve', 'validationLoss'), true))),
  pg_temp.curve_of('Win rate against KL', 'KL, nats', 'win rate', 'fraction', jsonb_build_array(
    pg_temp.line_of('best of n', (select jsonb_agg(jsonb_build_array(b->'kl', b->'winRate') order by n) from jsonb_array_elements(body->'bestOfN') with ordinality x(b, n)), true),
    pg_temp.line_of('PPO', (select jsonb_agg(jsonb_build_array(a->'kl', a->'winRate')) from jsonb_array_elements(body->'table') a where a->>'arm' = 'policy' and jsonb_typeof(a->'winRate') = 'number'), true))),
  jsonb_build_object('kind', 'table', 'title', 'Raters', 'note', '', 'columns', jsonb_build_array(
      pg_temp.column_of('Rater', '', null), pg_temp.column_of('Answers', '', null), pg_temp.column_of('Reliability', 'fraction', 'up'), pg_temp.column_of('Agreement', 'fraction', 'up'), pg_temp.column_of('Flag', '', null)),
    'rows', coalesce((select jsonb_agg(jsonb_build_array(a->'pseudonym', a->'answers', pg_temp.between(a->'reliability', a->'low', a->'high'), a->'agreement', a->'flag') order by n)
      from jsonb_array_elements(body->'raters') with ordinality x(a, n)), '[]')),
  jsonb_build_object('kind', 'samples', 'title', 'Side by side', 'note', 'Each with its hidden tone score.', 'columns', '["Base", "Policy"]'::jsonb,
    'rows', coalesce((select jsonb_agg(jsonb_build_object('prompt', a->'passage', 'texts', jsonb_build_array(
        jsonb_build_object('text', a->'base', 'score', coalesce(a->'basePreference', a->'baseTaste'), 'better', null),
        jsonb_build_object('text', a->'policy', 'score', coalesce(a->'policyPreference', a->'policyTaste'), 'better', coalesce(a->'policyPreference', a->'policyTaste')::text::float8 > coalesce(a->'basePreference', a->'baseTaste')::text::float8))) order by n)
      from jsonb_array_elements(body->'sideBySide') with ordinality x(a, n)), '[]'))))
where body ? 'sideBySide';
drop function pg_temp.metric, pg_temp.column_of, pg_temp.line_of, pg_temp.curve_of, pg_temp.points_of, pg_temp.between;
