-- Where in the order of claims what was claimed at a time begins: one row for what was claimed together, with the number of
-- its first claim and the latest date in it; so that a bank that was put back can be told what it consumed since a time.
-- What was claimed before there were such rows comes before them.
create table dated (
    number integer not null, time integer not null
);
create index dated_by_time on dated (time);
