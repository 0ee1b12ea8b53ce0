-- The first store of what a service goes by; one that was made before there were versions has all of it already.

create table if not exists directory (one integer primary key check (one = 1), raw blob not null);
create table if not exists head (one integer primary key check (one = 1), raw blob not null);
create table if not exists deltas (version integer primary key, raw blob not null);
