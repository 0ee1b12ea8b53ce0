-- The first store of nonces; one that was made before there were versions has all of it already.

create table if not exists nonces (
    sender blob not null, nonce blob not null, time integer not null, primary key (sender, nonce)
) without rowid;
create index if not exists nonces_by_time on nonces (time);
