-- Revocations share deltas: listed 0 is one that counts here already and is in no delta yet. With its evidence, if any.
alter table revocations add column listed integer not null default 1;
create index revocations_pending on revocations (reason, id) where listed = 0;
create table shown_evidence (raw blob primary key) without rowid;
