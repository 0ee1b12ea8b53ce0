-- How many claims stood in a head that was signed, of whichever log: somebody may have been told of each.
alter table log add column told integer not null default 0;
update log set told = head_size;
-- Heads that were followed by such as are not good for all that they are over: one for each size.
create table heads (
    size integer primary key, head blob not null
);
