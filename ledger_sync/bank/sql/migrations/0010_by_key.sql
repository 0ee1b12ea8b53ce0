-- A merchant's key has a certificate for each epoch: the newest is found without reading the others.
drop index wallets_by_key;
create index wallets_by_key on wallets (key, expires);
