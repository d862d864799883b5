-- What people and models said of a node of a tree, as they said it: comparisons, checks, feedback, claims, errors.
create table tree_judgment (
  tree text not null references tree,
  n bigint generated always as identity,
  asked text not null, -- what gave it: a call of a workflow, the page, a line of a file. Written once
  kind text not null check (kind in ('compare', 'check', 'feedback', 'reply', 'claims', 'coherence')),
  node text not null,
  key text not null, -- the node's address when it was judged
  saw text not null, -- what was read, by hash
  texts json not null, -- the summaries that were judged, in the order that they were read
  value json not null, -- as the task has it
  author_kind text not null check (author_kind in ('policy', 'person')),
  author text not null,
  answer text, -- of the desk
  at timestamptz not null default now(),
  primary key (tree, n),
  unique (tree, asked)
);
create index tree_judgment_node on tree_judgment (tree, node, n desc);
create trigger tree_judgment_stays before update or delete on tree_judgment
  for each row execute function append_only();
