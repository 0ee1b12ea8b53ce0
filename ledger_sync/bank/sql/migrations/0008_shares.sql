-- Shares: what one uploader may have here that nobody has paid for yet, who pays for it, and how much of it there is.

-- Transfers whose provenance or certificate is not at hand. payer: who is charged within the uploader's share.
create table waiting (
    transfer blob primary key references transfers,
    uploader text not null,
    payer text not null,
    since integer not null
) strict, without rowid;
create index waiting_of on waiting (uploader, payer, since);
create index waiting_since on waiting (since);
insert into waiting (transfer, uploader, payer, since)
    select id, first_uploader, first_uploader, (select coalesce(max(time), 0) from entries) from transfers
    where stage = 'waiting';
drop index transfers_waiting_of;

-- A request that a settled transfer answers is no burden any more.
alter table requests add column answered integer not null default 0;
alter table requests add column since integer not null default 0;
update requests set since = (select coalesce(max(time), 0) from entries), answered = exists (
    select 1 from transfers t where t.purpose = requests.ref and t.stage = 'answered'
);
drop index requests_by_uploader;
create index requests_open on requests (uploader, since) where answered = 0;
create index requests_since on requests (since) where answered = 0;

-- How much of each share is used: the row of payer '' has the sum.
create table shares (
    uploader text not null,
    what text not null check (what in ('waiting', 'claims', 'requests')),
    payer text not null,
    count integer not null check (count >= 0),
    primary key (uploader, what, payer)
) strict, without rowid;
create index shares_by_count on shares (uploader, what, count);
insert into shares (uploader, what, payer, count)
    select uploader, 'waiting', payer, count(*) from waiting group by uploader, payer
    union all select uploader, 'waiting', '', count(*) from waiting group by uploader
    union all select uploader, 'claims', '', count(*) from claims group by uploader
    union all select uploader, 'requests', '', count(*) from requests where answered = 0 group by uploader;
drop index claims_by_uploader;
