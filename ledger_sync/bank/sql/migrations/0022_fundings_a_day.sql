-- since: when a funding was asked for; of older ones nobody knows, and they count for no day.
alter table fundings add column since integer not null default 0;
create index fundings_since on fundings (customer, since);
