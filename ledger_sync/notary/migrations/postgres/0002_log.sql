-- As SQLite's tables at version 4.
alter table claims add column entry bytea, add column leaf bytea, drop constraint claims_check;
update claims set entry = '\x8550'::bytea || decode(replace(gen_random_uuid()::text, '-', ''), 'hex') || substr(body, 2)
    where statement is null;
update won set claim = p.place
    from (select number, row_number() over (order by number) as place from claims) as p
    where p.number = won.claim and p.place < p.number;
update claims set number = -p.place
    from (select number, row_number() over (order by number) as place from claims) as p
    where p.number = claims.number and p.place < p.number;
update claims set number = -number where number < 0;
alter table claims drop column body, add check (entry is not null or statement is not null);
create table nodes (
    level bigint not null, number bigint not null, hash bytea not null, primary key (level, number)
);
create table log (
    one bigint primary key check (one = 1),
    number bigint not null, size bigint not null, edge bytea not null, time bigint not null,
    head_size bigint not null, head bytea, answers bigint not null
) with (fillfactor = 10);
insert into log (one, number, size, edge, time, head_size, answers)
    select 1, 0, 0, '\x'::bytea, 0, 0, number from answers;
drop table answers;
