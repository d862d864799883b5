-- An imported run's answers and comments: their people are not here, so they are kept as they came.
create table node_import (
  node text primary key references node,
  experiment text not null references experiment,
  answered jsonb not null,
  comments jsonb not null
);
create index on node_import (experiment);
-- comments are listed for a whole run, and asks are found by their place in the trace
create index batch_node on batch (node) where node is not null;
