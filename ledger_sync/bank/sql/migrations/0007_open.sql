-- What is still open, apart from the history that it is a part of: so that nothing that is asked reads history.

-- Outputs of customers' keys that are neither consumed nor refunded, and not settled at 0. refund: 1 when it is asked for.
create table unspent (
    origin blob not null,
    output integer not null,
    owner blob not null,
    device blob not null,
    expires integer not null,
    refund integer not null default 0,
    primary key (origin, output)
) strict, without rowid;
create index unspent_by_owner on unspent (owner);
create index unspent_by_device on unspent (device, expires);
create index unspent_to_refund on unspent (expires) where refund = 0;
insert into unspent (origin, output, owner, device, expires, refund)
    select t.origin, t.output, t.owner, w.device, t.expires, r.stage is not null from tokens t
    join wallets w on w.wallet = (select x.wallet from wallets x where x.key = t.owner limit 1)
    left join consumed c on c.origin = t.origin and c.output = t.output
    left join refunds r on r.origin = t.origin and r.output = t.output
    where (t.value is null or t.value > 0) and c.consumer is null and coalesce(r.stage, 'open') = 'open';

-- Transfers without a verdict, by the keys that they concern: who signed, and who shall have the money.
create table pending (
    key blob not null,
    role text not null check (role in ('signer', 'beneficiary')),
    transfer blob not null references transfers,
    primary key (key, role, transfer)
) strict, without rowid;
create index pending_by_transfer on pending (transfer);
insert into pending (key, role, transfer)
    select c.signer, 'signer', c.transfer from transfers t join copies c on c.transfer = t.id where t.stage <> 'answered';
insert into pending (key, role, transfer)
    select distinct w.key, 'beneficiary', t.id from transfers t join wallets w on instr(t.payload, w.key) > 0
    where t.stage <> 'answered';

-- Payments that customers' devices signed, in the order of their count, and what each gave to one request.
create table counted (
    device blob not null,
    sequence integer not null,
    transfer blob not null references transfers,
    amount integer,
    primary key (device, sequence, transfer)
) strict, without rowid;
create index counted_by_transfer on counted (transfer);
create table answering (
    device blob not null,
    request blob not null,
    amount integer not null,
    primary key (device, request)
) strict, without rowid;
insert into counted (device, sequence, transfer, amount)
    select w.device, c.sequence, c.transfer, max(k.amount) from copies c join transfers t on t.id = c.transfer
    join wallets w on w.key = c.signer left join tokens k on k.origin = t.id and k.output = 0
    where t.purpose is not null group by 1, 2, 3;
insert into answering (device, request, amount)
    select d.device, t.purpose, sum(d.amount) from counted d join transfers t on t.id = d.transfer
    where d.amount is not null group by 1, 2;

create index redemptions_open on redemptions (customer) where done = 0;
create index refunds_open on refunds (origin, output) where stage = 'open';
create index wallets_by_device on wallets (device, expires);
alter table revocations add column customer text references customers;
update revocations set customer = (select customer from wallets w where w.wallet = revocations.wallet);
create index revocations_by_customer on revocations (customer);
drop index revocations_open;
create index revocations_open on revocations (evidence, customer) where version is null;

-- A partner that can't be reached holds up its own work, all of it in one row.
drop index work_open;
create index work_due on work (target, kind, due) where done = 0;
create table partners (
    target text primary key,
    attempts integer not null default 0,
    due integer not null default 0
) strict;
insert into partners (target) select distinct target from work;
