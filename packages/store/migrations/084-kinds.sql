-- Kinds of work made in the browser: what each was made from.
alter table task_type add column base text; -- name@version of the ready-made kind; null: of none, or made by code
update task_type k set base = p.base from project p where p.base is not null and (k.name, k.version) = (p.type, p.type_version);
alter table project drop column base;
