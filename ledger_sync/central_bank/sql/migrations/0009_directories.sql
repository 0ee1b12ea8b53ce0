-- Directories of the second form, as each root that stands for one has signed it. The first form stays in directory.
create table directories (
    version integer not null,
    root blob not null,
    raw blob not null,
    primary key (version, root)
);
