-- What people are called, by the contact key that signed beside their requests; and by which key each request that we
-- paid was signed beside. Neither has anything to do with money.

CREATE TABLE contact (
    key BLOB PRIMARY KEY,
    name TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE recognised (
    request BLOB PRIMARY KEY REFERENCES request (ref),
    key BLOB NOT NULL
) STRICT, WITHOUT ROWID;
