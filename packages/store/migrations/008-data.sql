-- Data in and out. The order of an export; what came from elsewhere; how much an answer counts.
create index answer_at on answer (at, id);
alter table answer add column if not exists weight double precision not null default 1;
alter table person add column imported boolean not null default false; -- known by pseudonym alone, from a file
alter table task_type add column instructions_version text; -- of imported kinds of work whose instructions did not come along
