-- Calls that were answered: who signed each, its nonce and its time (unix seconds).

create table nonces (
    sender bytea not null, nonce bytea not null, time bigint not null,
    primary key (sender, nonce)
);
create index nonces_by_time on nonces (time);
