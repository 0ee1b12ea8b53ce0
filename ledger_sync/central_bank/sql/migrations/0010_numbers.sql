-- Each account counts its own entries: `last` is the newest number, or up to which none is given; `number` an entry's. What
-- was booked before keeps the number of its movement, by which banks have followed it.
alter table accounts add column last integer not null default 0;
update accounts set last = (select coalesce(max(number), 0) from movements);
alter table entries add column number integer not null default 0;
update entries set number = movement;
create unique index entries_by_number on entries (account, number);
