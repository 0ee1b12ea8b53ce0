-- What a service goes by, as the migrations of SQLite up to 0004 leave it, which say what each table is for.

create table directory (one bigint primary key check (one = 1), raw bytea not null);
create table forms (place bigint primary key, raw bytea not null);
create table handovers (version bigint primary key, raw bytea not null);
create table head (one bigint primary key check (one = 1), raw bytea not null);
create table deltas (version bigint primary key, raw bytea not null);
create table base (one bigint primary key check (one = 1), version bigint not null, raw bytea not null);
create table changes (one bigint primary key check (one = 1), number bigint not null);
