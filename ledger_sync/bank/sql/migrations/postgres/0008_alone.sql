-- As SQLite's tables at version 24.
alter table settlements add column alone bytea;
