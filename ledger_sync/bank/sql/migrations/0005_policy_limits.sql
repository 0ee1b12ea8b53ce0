-- The limits of the policies that this bank has given, in order; a wallet's is that which came with its certificate,
-- none where it got none or the certificate is older than this table.
create table policy_limits (
    number integer primary key,
    limits blob not null
) strict;
alter table wallets add column policy integer references policy_limits;
