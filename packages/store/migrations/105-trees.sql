-- Trees of summaries that people and policies write together: nodes addressed by what went into them (decision 47).
create table tree_text (
  hash text primary key,
  body text not null
);
create table tree (
  id text primary key,
  name text not null,
  settings json not null,
  text text not null references tree_text, -- as it is now, edits applied
  version int not null default 1, -- goes up with every edit and every wish to redo
  redo text not null default 'path' check (redo in ('path', 'drifted', 'all')),
  state text not null default 'growing' check (state in ('growing', 'whole', 'stopped')),
  why text not null default '', -- why it is stopped
  stop boolean not null default false, -- wished for
  experiment text not null default '', -- the newest that grows it
  agents json not null default '{}', -- who answers for people, of its experiments
  made_by text references person,
  made_at timestamptz not null default now(),
  changed_at timestamptz not null default now()
);
create index tree_by_time on tree (made_at desc);

-- What was given for a node, and never taken out again.
create table tree_entry (
  tree text not null references tree,
  n bigint generated always as identity,
  asked text not null, -- what gave it: a call of a workflow, an edit, a line of a file. Written once
  node text not null,
  input text not null,
  context text not null,
  maker text not null,
  saw text not null,
  author_kind text not null check (author_kind in ('policy', 'person')),
  author text not null,
  text text not null,
  prompt_tokens int not null,
  tokens int not null,
  seconds float8 not null,
  cost float8 not null,
  answer text, -- of the desk
  read json, -- what a person read, for a diff when it changes: {earlier, text}
  at timestamptz not null default now(),
  primary key (tree, n),
  unique (tree, asked)
);
create index tree_entry_node on tree_entry (tree, node, n desc);
create trigger tree_entry_stays before update or delete on tree_entry
  for each row execute function append_only();

-- The plan, and where each node stands now.
create sequence tree_seq;
create table tree_node (
  tree text not null references tree,
  node text not null, -- height.index
  height int not null,
  place int not null, -- from the left
  parent text,
  children text[] not null,
  starts int, -- of a leaf, in the text
  ends int,
  cap int not null,
  people boolean not null, -- a person is to write it
  entry bigint, -- what stands there; the last that stood there where it is invalid
  key text,
  used int not null default 0,
  standing text check (standing in ('current', 'drifted', 'aged', 'invalid')),
  trouble text, -- why nobody wrote it
  seq bigint not null default nextval('tree_seq'),
  primary key (tree, node)
);
create index tree_node_changed on tree_node (tree, seq);

create table tree_edit (
  tree text not null references tree,
  n int not null, -- the version that it made
  node text not null,
  what text not null check (what in ('leaf', 'output')),
  text text not null,
  before text not null,
  redo text not null,
  by text references person,
  at timestamptz not null default now(),
  primary key (tree, n)
);
create trigger tree_edit_stays before update or delete on tree_edit
  for each row execute function append_only();

-- The word that a tree was edited or stopped goes out with the transaction that did it, to every server.
create function tree_word() returns trigger language plpgsql as $$
begin
  perform pg_notify('tiller_tree', new.id);
  return null;
end $$;
create trigger tree_moved after update on tree for each row execute function tree_word();
