-- Every claim stands in an append-only tree, in the order of its number, which is its index there and one; so numbers are
-- dense from here on. `entry` is what its leaf commits to: the consumption with a salt, null where it was said before there
-- was a tree, until it is in one; `leaf` is the hash of that. `statement` is the same as it was signed alone.
create table numbered (
    number integer primary key, entry blob, leaf blob, statement blob, proof blob not null,
    check (entry is not null or statement is not null)
);
-- A consumption without a salt is an array of four, with one of five: 84 ... becomes 85 50 salt ...
insert into numbered (number, entry, statement, proof)
    select row_number() over (order by number),
        case when statement is null then cast(x'8550' || randomblob(16) || substr(body, 2) as blob) end,
        statement, proof from claims;
create table won_numbered (
    txid blob not null, output integer not null, claim integer not null, primary key (txid, output)
) without rowid;
insert into won_numbered (txid, output, claim)
    select txid, output, place from won
    join (select number, row_number() over (order by number) as place from claims) as c on c.number = won.claim;
drop table won;
drop table claims;
alter table numbered rename to claims;
alter table won_numbered rename to won;
-- Roots of complete subtrees of 2^level leaves, for every eighth level.
create table nodes (
    level integer not null, number integer not null, hash blob not null, primary key (level, number)
) without rowid;
-- The log's end, one row once there is one: its number, how many claims are in the tree, the roots of its complete subtrees
-- one after the other, the latest date in it, the newest head that was signed and of what size; and how often somebody was
-- told something (`answers` so far).
create table log (
    one integer primary key check (one = 1),
    number integer not null, size integer not null, edge blob not null, time integer not null,
    head_size integer not null, head blob, answers integer not null
);
insert into log (one, number, size, edge, time, head_size, answers)
    select 1, 0, 0, x'', 0, 0, number from answers;
drop table answers;
