-- Payments that this purse had forgotten, as it was put back from a copy or lost, and that the ledger told it of: 'told' is 1.
-- Those whose request it does not have wait in 'forgotten' until somebody shows it; 'request' is null for what came before
-- this was noted.

ALTER TABLE payment ADD COLUMN told INTEGER NOT NULL DEFAULT 0;

CREATE TABLE forgotten (
    txid BLOB PRIMARY KEY REFERENCES outgoing (txid),
    request BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX forgotten_by_request ON forgotten (request);

INSERT INTO forgotten (txid)
    SELECT o.txid FROM outgoing o
    WHERE o.payment IS NULL AND o.state = 'signed' AND NOT EXISTS (SELECT 1 FROM redemption r WHERE r.txid = o.txid);
