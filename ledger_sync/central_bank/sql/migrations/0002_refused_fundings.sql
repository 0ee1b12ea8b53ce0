-- Fundings that were refused for want of money: every other copy of the same call is refused too, for as long as one
-- can come.
create table refused_fundings (
    id blob primary key, bank text not null, owner blob not null, amounts blob not null, time integer not null
) without rowid;
create index refused_fundings_by_time on refused_fundings (time);
