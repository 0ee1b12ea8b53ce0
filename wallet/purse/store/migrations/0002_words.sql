-- The last word on the time of each service whose signed times this wallet goes by, unix seconds; 'asked' is the device's
-- time when it was asked for, null for what may have been signed before.

CREATE TABLE word (
    signer TEXT PRIMARY KEY CHECK (signer IN ('central bank', 'notary', 'bank', 'earlier')),
    time INTEGER NOT NULL,
    asked INTEGER
) STRICT, WITHOUT ROWID;

INSERT INTO word (signer, time) SELECT 'earlier', value FROM fact WHERE name = 'signed_time';
DELETE FROM fact WHERE name = 'signed_time';
