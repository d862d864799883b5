-- When somebody last looked at the feedback on their answers: what is newer is shown before their next task.
create table feedback_seen (
  person text primary key references person,
  at timestamptz not null
);
insert into feedback_seen (person, at) select id, now() from person;
create index on decision (at);

-- Webhooks and mail: what waits for those who run the work.
create function webhook_on_concern() returns trigger language plpgsql as $$
begin
  if webhook_wanted('concern.raised') then
    perform webhook_emit('concern.raised', (select jsonb_build_object('concern', new.id, 'task', l.task, 'title', k.title, 'rater', p.pseudonym, 'text', new.text)
      from lease l join task t on t.id = l.task join task_type k on k.name = t.type and k.version = t.type_version join person p on p.id = l.person where l.id = new.lease));
  end if;
  return null;
end $$;
create trigger webhook_concern_raised after insert on concern for each row execute function webhook_on_concern();

create function webhook_on_referral() returns trigger language plpgsql as $$
begin
  if webhook_wanted('task.referred') then
    perform webhook_emit('task.referred', (select jsonb_build_object('task', l.task, 'title', k.title, 'rater', p.pseudonym, 'reason', new.reason, 'comment', new.comment)
      from lease l join task t on t.id = l.task join task_type k on k.name = t.type and k.version = t.type_version join person p on p.id = l.person where l.id = new.lease));
  end if;
  return null;
end $$;
create trigger webhook_task_referred after update of fate on skip for each row
  when (new.fate = 'researcher' and new.settled_at is null) execute function webhook_on_referral();

create function webhook_on_thread() returns trigger language plpgsql as $$
begin
  if webhook_wanted('thread.waiting') then
    perform webhook_emit('thread.waiting', jsonb_build_object('thread', new.id, 'kind', new.kind, 'title', new.title,
      'rater', (select pseudonym from person where id = new.about)));
  end if;
  return null;
end $$;
create trigger webhook_thread_opened after insert on thread for each row
  when (new.kind = 'dispute') execute function webhook_on_thread();
create trigger webhook_thread_replied after update of state on thread for each row
  when ((new.kind = 'dispute' and new.state = 'open') or (new.kind = 'feedback' and new.state = 'replied')) execute function webhook_on_thread();

create or replace function webhook_on_batch() returns trigger language plpgsql as $$
begin
  if webhook_wanted('batch.completed') then
    perform webhook_emit('batch.completed', jsonb_build_object('batch', new.id, 'experiment', new.experiment, 'project', new.project, 'answers', new.done));
  end if;
  return null;
end $$;
