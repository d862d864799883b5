-- Queues, their rules, who works on them and their pace are of an experiment or of a project: `experiment` names either.
alter table lane drop constraint lane_experiment_fkey;
alter table roster drop constraint roster_experiment_fkey;
alter table work_rule drop constraint work_rule_experiment_fkey;
alter table queue_sample drop constraint queue_sample_experiment_fkey;
