-- Of the certificates that a bank gave a key, those that are the last to expire of all that were issued by then: so that the
-- one that covers a time is found without reading the others, however many there are. Older stores get theirs when they
-- are opened.
create table prevailing (
    key blob not null,
    bank text not null,
    issued integer not null,
    expires integer not null,
    certificate blob not null references certificates,
    primary key (key, bank, issued)
) strict, without rowid;
drop index certificates_by_key;
create index certificates_by_key on certificates (key, bank, expires);
