-- What may be answered now: decided, without a verdict, and something came of it that nobody has looked at yet; or it is
-- invalid for ever, by `code`. Noted anew, it has a new number.
create table to_answer (
    noted integer primary key autoincrement,
    transfer blob not null unique references transfers,
    code text
) strict;
-- Until when (unix seconds) somebody is at committing it.
alter table transfers add column claimed integer not null default 0;
