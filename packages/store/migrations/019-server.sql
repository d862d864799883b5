-- Guesses at a secret, counted before the secret is looked at: a bucket a key that empties with each and fills with time.
create table attempt (
  key text primary key,
  left_over float8 not null,
  at timestamptz not null default now()
);

-- Who made a link or key for somebody else, and which link a session was opened by: the person sees both.
alter table token add column made_by text references person;

-- What ends somebody's right to be here is told to every server, for streams that are open.
create function token_ended() returns trigger language plpgsql as $$
begin
  perform pg_notify('door', new.person);
  return null;
end $$;
create trigger token_ended after update of revoked_at on token for each row
  when (old.revoked_at is null and new.revoked_at is not null) execute function token_ended();
create function person_ended() returns trigger language plpgsql as $$
begin
  perform pg_notify('door', new.id);
  return null;
end $$;
create trigger person_ended after update of role, disabled_at on person for each row
  when (old.role is distinct from new.role or old.disabled_at is distinct from new.disabled_at) execute function person_ended();
-- Until now leads made sign-in links for raters, and may still hold some.
update token set revoked_at = now() where kind = 'link' and expires_at is not null and revoked_at is null;
