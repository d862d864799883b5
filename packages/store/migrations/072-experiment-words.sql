-- An experiment is one execution of a workflow, a run one training run: what was named a run and is an experiment.
alter table run_trouble rename to experiment_trouble;
alter table trigger_firing rename column run to experiment;
