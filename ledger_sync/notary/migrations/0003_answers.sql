-- Whoever is told something was told it after a write of this notary's own, even where the same was said before: what was
-- read and never came to be durable is told nobody.
create table answers (
    one integer primary key check (one = 1), number integer not null
);
