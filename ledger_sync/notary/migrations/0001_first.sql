-- The first store of a notary; one that was made before there were versions has all of it already.

create table if not exists statements (
    number integer primary key, raw blob not null, proof blob not null
);
create table if not exists consumed (
    txid blob not null, output integer not null, statement integer not null references statements,
    primary key (txid, output)
) without rowid;
