-- As SQLite's tables at version 20.
create table refused (
    transfer bytea primary key,
    uploader text collate "C" not null,
    payer text collate "C" not null,
    since bigint not null
);
create index refused_of on refused (uploader, payer, since);
create index refused_since on refused (since);
insert into refused (transfer, uploader, payer, since)
    select t.id, t.first_uploader, t.first_uploader, s.time from settlements s join transfers t on t.id = s.transfer
    where s.verdict = 4
    union all
    select t.id, t.first_uploader, t.first_uploader, (select coalesce(max(time), 0) from entries)
    from to_answer a join transfers t on t.id = a.transfer where a.code is not null;
alter table shares drop constraint shares_what_check;
alter table shares add check (what in ('waiting', 'claims', 'requests', 'refused'));
insert into shares (uploader, what, payer, count)
    select uploader, 'refused', payer, count(*) from refused group by uploader, payer
    union all select uploader, 'refused', '', count(*) from refused group by uploader;
