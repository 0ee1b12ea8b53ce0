-- As SQLite's tables at version 6.
alter table log add column told bigint not null default 0;
update log set told = head_size;
create table heads (
    size bigint primary key, head bytea not null
);
