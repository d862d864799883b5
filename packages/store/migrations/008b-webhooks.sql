-- Webhooks: who is told of what, and the outbox. An event and its deliveries are written in the transaction of the
-- change itself, so that none is lost and none is told of a change that never was.
create table webhook (
  id text primary key,
  url text not null,
  events text[] not null,
  secret text not null, -- signs every delivery; shown once
  note text not null default '',
  created_by text not null references person,
  created_at timestamptz not null default now(),
  failures int not null default 0, -- attempts in a row that failed
  disabled_at timestamptz,
  disabled_reason text
);
create table webhook_event (
  id text primary key default 'evt_' || replace(gen_random_uuid()::text, '-', ''),
  type text not null,
  data jsonb not null,
  at timestamptz not null default now()
);
create table webhook_delivery (
  id bigint primary key generated always as identity,
  webhook text not null references webhook,
  event text not null references webhook_event on delete cascade,
  state text not null default 'pending' check (state in ('pending', 'delivered', 'failed')),
  attempts int not null default 0,
  next_at timestamptz not null default now(),
  delivered_at timestamptz
);
create index on webhook_delivery (webhook, id);
create index on webhook_delivery (event);
create index webhook_due on webhook_delivery (next_at) where state = 'pending';
create table webhook_attempt (
  delivery bigint not null references webhook_delivery on delete cascade,
  n int not null,
  at timestamptz not null default now(),
  status int,
  error text,
  milliseconds int not null,
  primary key (delivery, n)
);

-- Writes the event for every webhook that wants it; nothing when none does, or in an import.
create function webhook_emit(kind text, payload jsonb) returns void language plpgsql as $$
declare
  fresh text;
begin
  if coalesce(current_setting('tiller.quiet', true), '') = 'on' then return; end if;
  insert into webhook_event (type, data) values (kind, payload) returning id into fresh;
  insert into webhook_delivery (webhook, event) select id, fresh from webhook where disabled_at is null and kind = any(events) order by id;
  perform pg_notify('tiller_webhook', '');
end $$;
create function webhook_wanted(kind text) returns boolean language sql stable as
  $$ select exists (select 1 from webhook where disabled_at is null and kind = any(events)) $$;

create function webhook_on_answer() returns trigger language plpgsql as $$
declare
  kind text := case when tg_op = 'INSERT' then 'answer.created' else 'answer.undone' end;
begin
  if webhook_wanted(kind) then
    perform webhook_emit(kind, (select jsonb_build_object('answer', new.id, 'task', new.task, 'type', t.type, 'typeVersion', t.type_version, 'batch', b.id,
      'experiment', b.experiment, 'rater', p.pseudonym, 'value', new.value, 'activeSeconds', new.active_seconds, 'at', new.at)
      from task t join batch b on b.id = t.batch join person p on p.id = new.person where t.id = new.task));
  end if;
  return null;
end $$;
create trigger webhook_answer_created after insert on answer for each row execute function webhook_on_answer();
create trigger webhook_answer_undone after update of undone_at on answer for each row
  when (old.undone_at is null and new.undone_at is not null) execute function webhook_on_answer();

create function webhook_on_batch() returns trigger language plpgsql as $$
begin
  if webhook_wanted('batch.completed') then
    perform webhook_emit('batch.completed', jsonb_build_object('batch', new.id, 'experiment', new.experiment, 'answers', new.done));
  end if;
  return null;
end $$;
create trigger webhook_batch_completed after update of done on batch for each row
  when (old.done < old.wanted and new.done >= new.wanted) execute function webhook_on_batch();

create function webhook_on_experiment() returns trigger language plpgsql as $$
begin
  if webhook_wanted('experiment.ended') then
    perform webhook_emit('experiment.ended', jsonb_build_object('experiment', new.id, 'title', new.title, 'state', new.state, 'error', new.error));
  end if;
  return null;
end $$;
create trigger webhook_experiment_ended after update of ended_at on experiment for each row
  when (old.ended_at is null and new.ended_at is not null) execute function webhook_on_experiment();

create function webhook_on_checkpoint() returns trigger language plpgsql as $$
begin
  if webhook_wanted('checkpoint.saved') then
    perform webhook_emit('checkpoint.saved', jsonb_build_object('checkpoint', new.id, 'name', new.name, 'kind', new.kind, 'run', new.run, 'parent', new.parent, 'metrics', new.metrics));
  end if;
  return null;
end $$;
create trigger webhook_checkpoint_saved after insert on checkpoint for each row execute function webhook_on_checkpoint();

-- What a request with an Idempotency-Key was answered, so that the same one again is not done twice.
create table idempotency (
  key text primary key, -- hash of who, what and the key
  request text not null, -- hash of the body
  status int,            -- null: being answered
  reply text,
  at timestamptz not null default now()
);
create index on idempotency (at);
