-- Who won what stands before it is signed. A claim is what one commit won together: `body` (a consumption, encoded) until
-- it is signed, `statement` (signed) from then on. `won` says which claim a reference is in; it comes first, since what was
-- won is known only then.
create table claims (
    number integer primary key, body blob, statement blob, proof blob not null,
    check ((body is null) != (statement is null))
);
insert into claims (number, statement, proof) select number, raw, proof from statements;
create table won (
    txid blob not null, output integer not null, claim integer not null, primary key (txid, output)
) without rowid;
insert into won (txid, output, claim) select txid, output, statement from consumed;
drop table consumed;
drop table statements;
