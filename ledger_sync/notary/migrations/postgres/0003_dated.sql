-- As SQLite's tables at version 5.
create table dated (
    number bigint not null, time bigint not null
);
create index dated_by_time on dated (time);
