-- As SQLite's tables at version 3. A claim is what one commit won together: `body` (a consumption, encoded) until it is
-- signed, `statement` (signed) from then on; `won` says which claim a reference is in.
create table claims (
    number bigint primary key, body bytea, statement bytea, proof bytea not null,
    check ((body is null) != (statement is null))
);
create table won (
    txid bytea not null, output bigint not null, claim bigint not null, primary key (txid, output)
);
-- How often somebody was told something: raised before each time, see SQLite's version 3. Its row is replaced in place.
create table answers (
    one bigint primary key check (one = 1), number bigint not null
) with (fillfactor = 10);
