-- As SQLite's tables at version 1.
create table heads (
    log bigint primary key, size bigint not null, head bytea not null
);
create table evidence (
    digest bytea primary key, evidence bytea not null
);
