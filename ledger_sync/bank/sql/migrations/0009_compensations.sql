-- What a bank owes a customer's key here, because it could not show `wanted`, which took tokens from `claim` (a transfer's
-- id, or a refund's): place 0 for the first output, 1 for the change; tiyn booked by now, and tiyn still owed.
create table compensations (
    claim blob not null,
    wanted blob not null,
    place integer not null,
    customer text not null references customers,
    paid integer not null,
    owed integer not null,
    primary key (claim, wanted, place)
) strict, without rowid;
create index compensations_open on compensations (claim) where owed > 0;
