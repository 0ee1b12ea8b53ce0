-- As 0011 of SQLite: evidence outlives the delta that listed it.
alter table evidence drop constraint evidence_version_fkey;
