-- A policy is addressed by what its name stood for as well; trees that are there keep the address that they have.
alter table tree add policy text, add stood_for text, add ended text; -- ended: the experiment that said so last
update tree set policy = case when settings->>'model' is null then 'people'
  else (settings->>'model') || ', temperature ' || coalesce(settings->>'temperature', '0') end;
-- Who edited a tree where it came from: nobody of this home.
alter table tree_edit add by_name text;
-- Whose each of the judged texts was, where that is known.
alter table tree_judgment add policies json;

-- What people were asked for, so that an answer which comes after a tree was stopped still enters it, by what was read.
create table tree_asked (
  tree text not null references tree,
  batch text not null,
  node text not null,
  key text not null,
  input text not null,
  context text not null,
  maker text not null,
  saw text not null,
  prompt_tokens int not null,
  read json not null, -- {earlier, text, old?}
  primary key (tree, batch)
);
