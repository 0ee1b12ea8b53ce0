-- Every customer's deliveries have numbers of their own; those that were given stand.
create table feeds (
    customer text not null references customers,
    number integer not null,
    kind text not null check (kind in ('transfer', 'issuance')),
    object blob not null,
    primary key (customer, number),
    unique (customer, object)
) strict, without rowid;
insert into feeds (customer, number, kind, object) select customer, seq, kind, object from deliveries order by customer, seq;
drop table deliveries;
alter table feeds rename to deliveries;
