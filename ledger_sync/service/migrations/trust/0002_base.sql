-- The central bank's base of the policy, as it travels, for wallets that begin.
create table base (one integer primary key check (one = 1), version integer not null, raw blob not null);
