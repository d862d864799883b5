-- Triggers: what starts runs by itself. An event's firing is a row with a unique key, written in the transaction of
-- the event, so that none is lost and none fires twice; the servers then start a run for each row.
create table trigger (
  id text primary key default replace(gen_random_uuid()::text, '-', ''),
  name text not null unique,
  workflow text not null,
  input jsonb not null,
  agents jsonb not null,
  budget jsonb not null,
  fires_on jsonb not null, -- {"schedule": cron} | {"dataset": name} | {"checkpoint": name}
  active boolean not null default true,
  next_at timestamptz, -- of a schedule
  created_by text not null references person,
  created_at timestamptz not null default now()
);
create table trigger_firing (
  trigger text not null references trigger on delete cascade,
  event text not null, -- the scheduled time, or the id of the dataset version or checkpoint
  state text not null default 'pending' check (state in ('pending', 'started', 'failed')),
  claimed_at timestamptz,
  run text,
  error text,
  at timestamptz not null default now(),
  primary key (trigger, event)
);
create index trigger_pending on trigger_firing (at) where state = 'pending';

-- A run that a trigger started does not set off the same trigger: it would never end.
create function trigger_fire(what text, named text, event text, source text) returns void language plpgsql as $$
begin
  if coalesce(current_setting('tiller.quiet', true), '') = 'on' then return; end if;
  insert into trigger_firing (trigger, event)
    select t.id, trigger_fire.event from trigger t
    where t.active and t.fires_on ->> what = named
      and not exists (select 1 from experiment e where e.id = source and e.origin ->> 'trigger' = t.name)
    on conflict do nothing;
  if found then perform pg_notify('tiller_trigger', ''); end if;
end $$;
create function trigger_on_dataset() returns trigger language plpgsql as $$
begin
  perform trigger_fire('dataset', new.name, new.id, new.experiment);
  return null;
end $$;
create trigger trigger_dataset after insert on dataset for each row execute function trigger_on_dataset();
create function trigger_on_checkpoint() returns trigger language plpgsql as $$
begin
  perform trigger_fire('checkpoint', new.name, new.id, (select experiment from run where id = new.run));
  return null;
end $$;
create trigger trigger_checkpoint after insert on checkpoint for each row execute function trigger_on_checkpoint();

-- Every server hears of a new schedule.
create function trigger_changed() returns trigger language plpgsql as $$
begin
  perform pg_notify('tiller_trigger', '');
  return null;
end $$;
create trigger trigger_changes after insert or delete on trigger for each statement execute function trigger_changed();
