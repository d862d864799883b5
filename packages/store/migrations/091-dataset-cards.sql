-- What a dataset version is made of, worked out beside the server once the version is there; and what it shares with others.
-- Both are of rows that never change: `version` says what was counted, and one that counts otherwise replaces them.
create table dataset_card (
  dataset text primary key references dataset on delete cascade,
  version int not null,
  card jsonb not null,
  columns text not null, -- blob: of each row what examples are found and sorted by
  made_at timestamptz not null default now()
);
create table dataset_overlap (
  dataset text not null references dataset on delete cascade,
  other text not null references dataset on delete cascade,
  version int not null,
  same int not null,
  near int not null,
  prompts int not null,
  rows int[] not null, -- of `dataset`: those that are near one of `other`
  primary key (dataset, other)
);
create index dataset_name on dataset (name, created_at);
create function dataset_told() returns trigger language plpgsql as $$
begin
  perform pg_notify('tiller_dataset', new.id);
  return null;
end $$;
create trigger dataset_told after insert on dataset for each row execute function dataset_told();
