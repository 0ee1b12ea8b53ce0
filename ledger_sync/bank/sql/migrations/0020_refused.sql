-- Transfers that are refused for ever and not kept for it, who pays for each (as in waiting), and since when.
create table refused (
    transfer blob primary key references transfers,
    uploader text not null,
    payer text not null,
    since integer not null
) strict, without rowid;
create index refused_of on refused (uploader, payer, since);
create index refused_since on refused (since);
insert into refused (transfer, uploader, payer, since)
    select t.id, t.first_uploader, t.first_uploader, s.time from settlements s join transfers t on t.id = s.transfer
    where s.verdict = 4
    union all
    select t.id, t.first_uploader, t.first_uploader, (select coalesce(max(time), 0) from entries)
    from to_answer a join transfers t on t.id = a.transfer where a.code is not null;

create table shares_of (
    uploader text not null,
    what text not null check (what in ('waiting', 'claims', 'requests', 'refused')),
    payer text not null,
    count integer not null check (count >= 0),
    primary key (uploader, what, payer)
) strict, without rowid;
insert into shares_of (uploader, what, payer, count) select uploader, what, payer, count from shares;
drop table shares;
alter table shares_of rename to shares;
create index shares_by_count on shares (uploader, what, count);
insert into shares (uploader, what, payer, count)
    select uploader, 'refused', payer, count(*) from refused group by uploader, payer
    union all select uploader, 'refused', '', count(*) from refused group by uploader;
