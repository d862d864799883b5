-- A project: items of a file put before people under one kind of work, without a workflow. Its tasks are batches that
-- belong to it and to no experiment.
create table project (
  id text primary key,
  title text not null,
  type text not null,
  type_version text not null,
  base text,               -- name@version of the ready-made kind that its own kind was made from; null: it is that kind
  mapping jsonb not null,  -- which columns of its files fill an item
  people int not null check (people > 0),
  deadline timestamptz,
  state text not null default 'open' check (state in ('open', 'paused', 'closed', 'archived')),
  by text not null references person,
  at timestamptz not null default now(),
  foreign key (type, type_version) references task_type
);
alter table batch add column project text references project;
create index batch_project on batch (project) where project is not null;

-- Work is of an experiment or of a project, and measuring of neither.
do $$ declare c text; begin
  select conname into strict c from pg_constraint
    where conrelid = 'batch'::regclass and contype = 'c' and pg_get_constraintdef(oid) like '%experiment%purpose%';
  execute format('alter table batch drop constraint %I', c);
end $$;
alter table batch add constraint batch_check check (num_nonnulls(experiment, project) = case when purpose = 'work' then 1 else 0 end);

-- A row of the project's files: the task that asks about it, or the gold item that it became.
create table project_item (
  project text not null references project,
  place int not null,      -- from 1, over all files of the project
  task text references task,
  gold text references gold,
  source json not null,    -- the row as it stood in the file, its columns in their order
  answer jsonb,            -- what the file says is right
  primary key (project, place),
  check (num_nonnulls(task, gold) = 1)
);
create unique index project_item_task on project_item (task) where task is not null;

create or replace function webhook_on_answer() returns trigger language plpgsql as $$
declare
  kind text := case when tg_op = 'INSERT' then 'answer.created' else 'answer.undone' end;
begin
  if webhook_wanted(kind) then
    perform webhook_emit(kind, (select jsonb_build_object('answer', new.id, 'task', new.task, 'type', t.type, 'typeVersion', t.type_version, 'batch', b.id,
      'experiment', coalesce(b.experiment, b.project, 'measuring'), 'rater', p.pseudonym, 'value', new.value, 'activeSeconds', new.active_seconds, 'at', new.at)
      from task t join batch b on b.id = t.batch join person p on p.id = new.person where t.id = new.task));
  end if;
  return null;
end $$;
create or replace function webhook_on_batch() returns trigger language plpgsql as $$
begin
  if webhook_wanted('batch.completed') then
    perform webhook_emit('batch.completed', jsonb_build_object('batch', new.id, 'experiment', coalesce(new.experiment, new.project), 'answers', new.done));
  end if;
  return null;
end $$;
