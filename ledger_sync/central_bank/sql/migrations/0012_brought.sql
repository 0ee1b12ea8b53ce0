-- Transfers that consumed a token which another one of the same signer consumes too, brought by a bank that has both: what a
-- question about such a token ends with, unless the bank asked has failed before.
create table brought (
    id blob not null, signer blob not null, raw blob not null,
    primary key (id, signer)
) without rowid;
