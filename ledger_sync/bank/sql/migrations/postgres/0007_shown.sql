-- How a challenge ended: 1 where the other transfer was shown and the central bank has noted it, 0 where nobody shows it.
alter table challenges add column shown bigint not null default 0;
