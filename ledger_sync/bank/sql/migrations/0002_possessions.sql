-- What an epoch key signed to be certified for a device: a purse that was lost finds all its keys again by it.
create table possessions (
    device blob not null,
    key blob not null,
    proof blob not null,
    primary key (device, key)
) strict, without rowid;
