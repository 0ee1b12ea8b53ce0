-- By token, what a bank was asked to show: the consumer for which it had the token consumed, since when it is asked, how
-- often it has failed and when that is next counted; and how it ended, once: `shown` (the signed transfer) or `failed`
-- (unix seconds). `claim` is what is compensated for the token then: a transfer's id, or a refund's.
create table asked (
    txid blob not null, output integer not null, consumer blob not null, bank text not null, owner blob not null,
    since integer not null, failures integer not null default 0, due integer not null,
    shown blob, failed integer, claim blob,
    primary key (txid, output)
) without rowid;
create index asked_open on asked (due) where shown is null and failed is null;
create index asked_by_consumer on asked (consumer);
-- What `defaulter` owes for a consumer that it could not show: `place` 0 to the owner of the first output, 1 of the change.
-- `bank` is the first that spoke for `key`; nothing is paid before there is one.
create table claims (
    claim blob not null, consumer blob not null, place integer not null, key blob not null, defaulter text not null,
    value integer not null, paid integer not null default 0, bank text, time integer not null,
    primary key (claim, consumer, place)
) without rowid;
create index claims_open on claims (defaulter, time) where paid < value;
-- What was compensated before there were claims was paid in full; what was only asked about is asked anew.
insert into asked (txid, output, consumer, bank, owner, since, due, failed, claim)
    select txid, output, x'', '', x'', first_asked, first_asked, first_asked, claimant
    from challenges where claimant is not null;
insert into claims (claim, consumer, place, key, defaulter, value, paid, bank, time)
    select claimant, x'', row_number() over (partition by claimant order by bank) - 1, x'', '',
        sum(value), sum(value), bank, min(first_asked)
    from challenges where claimant is not null group by claimant, bank;
drop table challenges;
