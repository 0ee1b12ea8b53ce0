-- As SQLite's tables at version 22.
alter table fundings add column since bigint not null default 0;
create index fundings_since on fundings (customer, since);
