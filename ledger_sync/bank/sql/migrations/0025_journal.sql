-- Plain uploads that are being committed, whole as they came, until what they come to is written. due: until then who
-- noted one has it; claimed as transfers are.
create table journal (
    number integer primary key autoincrement,
    uploader text not null,
    bundle blob not null,
    due integer not null
) strict;
create index journal_due on journal (due);
