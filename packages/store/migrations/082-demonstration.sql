-- Work that people are asked for never reaches simulated people, unless its batch says that they may answer.
alter table batch add column simulated boolean not null default false;

-- A first experiment under way goes on with its simulated raters: what it has asked already, and what it asks from now.
-- Those of `tiller start` are known by their ids, and so is what was branched of them or taken over to a newer version.
create function pg_temp.demonstrations() returns setof text language sql as $$
  select id from experiment where recipe like 'better-continuations@%' and state in ('running', 'held')
    and id ~ '^better-continuations-(small-)?-?[0-9]+(-better-continuations-[0-9]+)?(-(fork|rewind|reask)-[0-9a-f]{6})?$'
$$;
update batch set simulated = true where experiment in (select pg_temp.demonstrations());
update experiment set agents = '{"comparison": {"kind": "people", "simulated": true}}'
  where agents = '{}' and id in (select pg_temp.demonstrations());
