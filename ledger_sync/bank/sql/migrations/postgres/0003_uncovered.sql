-- As SQLite's 0019.
create table uncovered (
    key bytea not null,
    what text collate "C" not null check (what in ('payment', 'redemption')),
    time bigint not null,
    transfer bytea not null,
    primary key (key, what, time, transfer)
);
create index uncovered_by_transfer on uncovered (transfer);
insert into uncovered (key, what, time, transfer)
    select p.key, 'redemption', 4611686018427387904, p.transfer from pending p join transfers t on t.id = p.transfer
    left join signers s on s.transfer = t.id
    where p.role = 'signer' and t.stage in ('waiting', 'committed') and s.transfer is null;
