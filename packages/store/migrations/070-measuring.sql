-- What a batch is for. Tasks that only measure (hidden gold, blind duplicates, retests) were batches of a cancelled experiment
-- 'measuring', left out by its name; now they belong to none, and the column says so. Their own ids stay as they are.
alter table batch alter column experiment drop not null;
alter table batch add column purpose text not null default 'work' check (purpose in ('work', 'gold', 'duplicate', 'retest'));
update batch set experiment = null, cancelled_at = null,
    purpose = case split_part(id, '/', 2) when 'twin' then 'duplicate' when 'again' then 'retest' else 'gold' end
  where experiment = 'measuring';
alter table batch add check ((experiment is null) = (purpose <> 'work'));
-- no work was ever on its queues
delete from roster where experiment = 'measuring';
delete from work_rule where experiment = 'measuring';
delete from lane where experiment = 'measuring';
delete from experiment where id = 'measuring';

-- Receivers of webhooks get the word that they know.
create or replace function webhook_on_answer() returns trigger language plpgsql as $$
declare
  kind text := case when tg_op = 'INSERT' then 'answer.created' else 'answer.undone' end;
begin
  if webhook_wanted(kind) then
    perform webhook_emit(kind, (select jsonb_build_object('answer', new.id, 'task', new.task, 'type', t.type, 'typeVersion', t.type_version, 'batch', b.id,
      'experiment', coalesce(b.experiment, 'measuring'), 'rater', p.pseudonym, 'value', new.value, 'activeSeconds', new.active_seconds, 'at', new.at)
      from task t join batch b on b.id = t.batch join person p on p.id = new.person where t.id = new.task));
  end if;
  return null;
end $$;
