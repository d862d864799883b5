-- A tree that a later policy grew over the same text and plan stands beside the older one; and what was said of the older one that
-- changed a node: of that node itself, else of its height, which taught the reward.
alter table tree add column beside text references tree;
create table tree_because (
  tree text not null references tree, -- the newer
  node text not null,
  how text not null check (how in ('node', 'height')),
  judgments json not null, -- numbers in tree_judgment of the older
  primary key (tree, node)
);
