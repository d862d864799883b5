-- What stood where, by question, where one swap does not say it: several pairs, ranked lists. Null: swap says it all.
alter table lease add column shown jsonb;
