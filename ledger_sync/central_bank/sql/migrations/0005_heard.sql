-- The notary's statements on the central bank's own commits, in the order in which it heard them, so that a notary
-- that lost them can be told.
create table heard (
    number integer primary key autoincrement, id blob not null unique, time integer not null, raw blob not null
) strict;
create index heard_by_time on heard (time);
