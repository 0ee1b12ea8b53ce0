-- What this bank caused at the central bank, in the order in which it booked it, so that a central bank that was put back
-- from a backup can be told.
create table caused (
    number integer primary key autoincrement,
    kind text not null,
    cause blob not null,
    subject blob,
    time integer not null,
    unique (kind, cause)
) strict;
create index caused_by_time on caused (time);
