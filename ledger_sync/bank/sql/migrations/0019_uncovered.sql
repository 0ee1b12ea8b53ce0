-- What lacks nothing but a certificate of its signer, by the time that one has to cover; a redemption may come after its end.
-- What waited before there was this table is found by any certificate, and has its own time from then on.
create table uncovered (
    key blob not null,
    what text not null check (what in ('payment', 'redemption')),
    time integer not null,
    transfer blob not null references transfers,
    primary key (key, what, time, transfer)
) strict, without rowid;
create index uncovered_by_transfer on uncovered (transfer);
insert into uncovered (key, what, time, transfer)
    select p.key, 'redemption', 4611686018427387904, p.transfer from pending p join transfers t on t.id = p.transfer
    left join signers s on s.transfer = t.id
    where p.role = 'signer' and t.stage in ('waiting', 'committed') and s.transfer is null;
