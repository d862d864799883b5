-- values that an imported trace says were too large for its file
alter table node_import add column large jsonb not null default '[]';
