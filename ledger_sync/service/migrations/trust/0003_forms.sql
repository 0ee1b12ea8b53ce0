-- The directory in every form that is still read, newer forms first, and how the roots have handed over. The table of
-- one form alone is left to those who were here before.
create table forms (place integer primary key, raw blob not null);
create table handovers (version integer primary key, raw blob not null);
