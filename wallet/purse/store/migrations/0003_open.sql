-- The policy that was reached, as it was verified when it came: whom it revokes (the fact 'policy_reached' says up to which
-- version), and which deltas change the directory. 'changes' is null for what came before this was noted.

CREATE TABLE revoked (
    id BLOB PRIMARY KEY,
    reason INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

ALTER TABLE policy_delta ADD COLUMN changes INTEGER;
CREATE INDEX policy_delta_changing ON policy_delta (version) WHERE changes = 1;

-- One piece of evidence of each kind is enough for a wallet. 'kind' is null for what came before this was noted.
ALTER TABLE evidence ADD COLUMN kind INTEGER;
CREATE INDEX evidence_by_wallet ON evidence (wallet, kind);
CREATE INDEX evidence_unnamed ON evidence (first) WHERE kind IS NULL;

-- Transfers that have no verdict yet, in the order of descent: what has to be uploaded, apart from what was.
CREATE TABLE unanswered (
    position INTEGER PRIMARY KEY,
    txid BLOB NOT NULL UNIQUE REFERENCES object (id)
) STRICT;
INSERT INTO unanswered (position, txid)
    SELECT t.position, t.id FROM transfer t LEFT JOIN answer a ON a.txid = t.id WHERE a.verdict IS NULL;
