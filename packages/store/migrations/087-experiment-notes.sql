-- An experiment's note and tags, as whoever started it wrote them; its title is its name.
alter table experiment add column note text not null default '';
alter table experiment add column tags text[] not null default '{}';
