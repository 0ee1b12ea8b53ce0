-- How often anything of all this was changed: whoever shares the store sees by it whether there is anything to read.
create table changes (one integer primary key check (one = 1), number integer not null);
