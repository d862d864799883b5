-- A question that is asked of a tree's text is a tree of its own: the same passages, other instructions.
alter table tree add column about text references tree;
alter table tree add column question text;
alter table tree add constraint tree_question check ((about is null) = (question is null));
create index tree_about on tree (about, made_at) where about is not null;
