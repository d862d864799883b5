-- What a busy desk asks every few seconds finds its rows by an index; what others cover goes.
create index task_dropped on task (id) where dropped_at is not null and taken < people;
drop index answer_person_idx; -- answer (person, at) serves it
drop index lease_task_idx; -- lease_once serves it
