-- The word that a batch has all its answers, or is cancelled, goes out with the transaction that made it so.
create function batch_word() returns trigger language plpgsql as $$
begin
  perform pg_notify('tiller_batch', new.id);
  return null;
end $$;
create trigger batch_complete after update of done on batch
  for each row when (new.done >= new.wanted and old.done < old.wanted and new.consumed_at is null)
  execute function batch_word();
create trigger batch_cancelled after update of cancelled_at on batch
  for each row when (new.cancelled_at is not null and old.cancelled_at is null)
  execute function batch_word();

-- Datasets of anything a workflow saves, beside those of labelled pairs.
alter table dataset add column kind text not null default 'pairs';
