-- The newest head of each of the notary's logs that was seen, and evidence against the notary (`ledger_sync.service.heads`).
create table heads (
    log integer primary key, size integer not null, head blob not null
);
create table evidence (
    digest blob primary key, evidence blob not null
) without rowid;
