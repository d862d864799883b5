-- Tasks that hold a model's text against another, by the sample on their left: who compares experiments asks for them.
create index task_sample on task ((input #>> '{a,sample}')) where input #>> '{a,sample}' is not null;
