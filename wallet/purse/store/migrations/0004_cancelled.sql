-- Requests that are asked for no more. They hold no room under the balance limit; what still comes for them is judged as
-- it comes.

CREATE TABLE cancelled (
    request BLOB PRIMARY KEY REFERENCES request (ref),
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
