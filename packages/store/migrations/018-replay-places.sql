-- Places in the trace that would grow too long stand below a short one, by a hash of the place they are in.
create table place_short (
  short text primary key,
  of text not null
);
create index place_short_of on place_short (of text_pattern_ops);

-- Where the ids of all that is below a place begin: its own, and those of short places below it.
create function place_roots(place text) returns setof text language sql stable as $$
  with recursive roots(root) as (
    select place
    union
    select s.short from roots r join place_short s on s.of = r.root or (s.of ~>=~ (r.root || '/') and s.of ~<~ (r.root || '0')))
  select root from roots
$$;
