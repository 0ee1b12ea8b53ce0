-- What movements of a cause that this bank books itself have come to, as far as it has booked them, so that a central bank
-- that was put back from a backup and moves the money again has it booked once. kind: the movement's; of challenges `lost`
-- stands for those that this bank has paid for.
create table moved (
    kind text collate "C" not null,
    cause bytea not null,
    total bigint not null,
    primary key (kind, cause)
);
