-- What keys have had refreshed for others, in tiyn, by the block of 2 to the power of `level` seconds in which it was signed:
-- the sum since any time is that of a few rows.
create table refreshed (
    key blob not null,
    level integer not null,
    block integer not null,
    amount integer not null,
    primary key (key, level, block)
) strict, without rowid;
-- Of earlier ones those whose new tokens are neither the signer's customer's nor back with who had paid the old ones.
insert into refreshed (key, level, block, amount)
    select o.owner, l.level, o.made >> l.level, sum(o.amount) from (
        select k.amount, k.made, t.owner from redemptions r join issuances i on i.id = r.issuance
        join transfers t on t.id = r.transfer join tokens k on k.origin = r.transfer and k.output = 0
        where i.owner <> t.owner and not exists (
            select 1 from inputs n join tokens p on p.origin = n.origin and p.output = n.output
            where n.transfer = r.transfer and p.payer = i.owner
        ) and exists (select 1 from wallets w where w.key = t.owner) and not exists (
            select 1 from wallets w join wallets v on v.customer = w.customer where w.key = t.owner and v.key = i.owner
        )
    ) as o
    cross join (select 0 as level union select 6 union select 12 union select 18 union select 24 union select 30) as l
    group by 1, 2, 3;
