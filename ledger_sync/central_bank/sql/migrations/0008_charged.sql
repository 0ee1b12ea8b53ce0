-- Issuances that a proof showed and that the books lacked: whose position stands for each, and by which movement's id.
create table charged (
    issuance blob primary key references issuances (id), bank text not null, funding blob not null, amount integer not null
) without rowid;
