-- The newest base of the policy: signed, with what is revoked in it, as it travels.
create table base (one integer primary key check (one = 1), version integer not null, raw blob not null);
