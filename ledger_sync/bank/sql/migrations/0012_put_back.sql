-- The notary's statements in the order in which this bank heard them, so that a notary that lost them can be told.
-- time: their own date; 0 where they came before this was kept.
create table heard (
    number integer primary key autoincrement,
    statement blob not null unique references statements,
    time integer not null
) strict;
create index heard_by_time on heard (time);
insert into heard (statement, time) select id, 0 from statements;
-- Movements of the position that this bank caused and, put back from a backup, no longer knew: its own account has the
-- money (amount, less than 0 where it paid) until whoever is concerned is known again.
create table unclaimed (
    kind text not null,
    cause blob not null,
    amount integer not null,
    primary key (kind, cause)
) strict, without rowid;
-- What was passed on to a bank, by when: a bank that was put back from a backup asks for it again.
create index work_done on work (target, due) where done = 1;
