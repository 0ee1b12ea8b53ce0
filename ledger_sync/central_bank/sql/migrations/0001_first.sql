-- The first store of a central bank; one that was made before there were versions has all of it already.
-- Amounts in tiyn, times in unix seconds, keys and ids as bytes.

create table if not exists accounts (name text primary key, balance integer not null) without rowid;
create table if not exists movements (
    number integer primary key, kind text not null, id blob not null, time integer not null
);
create table if not exists entries (
    movement integer not null references movements, account text not null references accounts (name),
    amount integer not null, primary key (account, movement)
) without rowid;

create table if not exists orders (
    kind text not null, id blob not null, bank text not null, amount integer not null, total integer not null,
    primary key (kind, id)
) without rowid;
create table if not exists issuances (
    id blob primary key, cause text not null, cause_id blob not null, bank text not null, raw blob not null,
    unique (cause, cause_id)
);
create table if not exists redemptions (
    txid blob primary key, value integer not null, issuance blob references issuances (id), bank text
) without rowid;
create table if not exists refunds (
    txid blob not null, output integer not null, bank text not null, value integer not null,
    primary key (txid, output)
) without rowid;
create table if not exists challenges (
    txid blob not null, output integer not null, first_asked integer not null,
    claimant blob, bank text, value integer,
    primary key (txid, output)
) without rowid;
create table if not exists consumed (
    txid blob not null, output integer not null, consumer blob not null, primary key (txid, output)
) without rowid;

create table if not exists directory (one integer primary key check (one = 1), raw blob not null);
create table if not exists head (one integer primary key check (one = 1), raw blob not null);
create table if not exists deltas (version integer primary key, raw blob not null);
create table if not exists revocations (
    id blob primary key, bank text not null, key blob not null, reason integer not null,
    version integer not null, time integer not null, leaves integer not null
) without rowid;
create index if not exists revocations_by_key on revocations (key, bank);
create index if not exists revocations_by_leaving on revocations (leaves);
create table if not exists evidence (
    version integer not null references deltas, raw blob not null, primary key (version, raw)
) without rowid;
