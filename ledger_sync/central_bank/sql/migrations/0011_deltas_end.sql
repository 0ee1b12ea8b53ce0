-- Deltas have an end; evidence proves by itself why a wallet was revoked, and stays. `version` is the delta that listed it.
create table evidence_kept (version integer not null, raw blob not null, primary key (version, raw)) without rowid;
insert into evidence_kept select version, raw from evidence;
drop table evidence;
alter table evidence_kept rename to evidence;
