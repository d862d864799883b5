-- A drift probe: a task that its rater answered a week or more ago, given to the same person once more. It only measures.
alter table task add column again_of text references task;
create index task_again on task (again_of) where again_of is not null;
