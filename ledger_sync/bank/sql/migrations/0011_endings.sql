-- When the notary is asked next whether what waits can still bring anything.
alter table waiting add column due integer not null default 0;
create index waiting_due on waiting (due);
