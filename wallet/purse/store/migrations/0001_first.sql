-- The first version of the purse. Amounts are tiyn, times unix seconds, ids and keys raw bytes.

CREATE TABLE fact (
    name TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- One row per transition that changes money or intents; the keystore's record names the newest.
CREATE TABLE journal (
    step INTEGER PRIMARY KEY,
    sequence INTEGER NOT NULL,
    previous BLOB NOT NULL,
    digest BLOB NOT NULL,
    transition TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;

CREATE TABLE policy_delta (
    version INTEGER PRIMARY KEY,
    raw BLOB NOT NULL
) STRICT;

CREATE TABLE epoch (
    number INTEGER PRIMARY KEY,
    alias TEXT NOT NULL UNIQUE,
    key BLOB UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('begun', 'made', 'certified', 'unclaimed', 'retiring', 'destroyed')),
    at INTEGER NOT NULL
) STRICT;

-- Signed objects that were verified, ours and strangers', by id.
CREATE TABLE object (
    id BLOB PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('certificate', 'issuance', 'transfer', 'request')),
    raw BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE certificate (
    id BLOB PRIMARY KEY REFERENCES object (id),
    key BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX certificate_by_key ON certificate (key);

CREATE TABLE transfer (
    id BLOB PRIMARY KEY REFERENCES object (id),
    signer BLOB NOT NULL REFERENCES certificate (id),
    key BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    position INTEGER NOT NULL UNIQUE
) STRICT, WITHOUT ROWID;
CREATE INDEX transfer_by_sequence ON transfer (key, sequence);

-- Every output of every object above, spent ones too.
CREATE TABLE output (
    txid BLOB NOT NULL REFERENCES object (id),
    output INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    owner BLOB NOT NULL,
    currency TEXT NOT NULL,
    mark BLOB,
    hop INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    made INTEGER NOT NULL,
    payer BLOB,
    PRIMARY KEY (txid, output)
) STRICT, WITHOUT ROWID;
CREATE INDEX output_by_owner ON output (owner);

-- Every consumption seen, in the order in which it was seen.
CREATE TABLE consumed (
    seen INTEGER PRIMARY KEY AUTOINCREMENT,
    txid BLOB NOT NULL,
    output INTEGER NOT NULL,
    consumer BLOB NOT NULL,
    UNIQUE (txid, output, consumer)
) STRICT;

CREATE TABLE request (
    ref BLOB PRIMARY KEY,
    id BLOB NOT NULL REFERENCES object (id),
    side TEXT NOT NULL CHECK (side IN ('ours', 'theirs')),
    key BLOB NOT NULL,
    amount INTEGER NOT NULL,
    use TEXT NOT NULL CHECK (use IN ('once', 'printed')),
    expires INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One payment is one intent.
CREATE TABLE payment (
    id BLOB PRIMARY KEY,
    request BLOB NOT NULL REFERENCES request (ref),
    amount INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('reserved', 'signed', 'shown', 'acknowledged', 'refused', 'dropped')),
    at INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    raw BLOB,
    receipt BLOB,
    code TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX payment_by_request ON payment (request);

-- Transfers of our own keys. One count over all keys; a dropped intent's rows are deleted and its numbers freed.
CREATE TABLE outgoing (
    txid BLOB PRIMARY KEY,
    sequence INTEGER NOT NULL,
    total INTEGER NOT NULL,
    key BLOB NOT NULL,
    payload BLOB NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('unsigned', 'signed')),
    payment BLOB REFERENCES payment (id)
) STRICT, WITHOUT ROWID;
CREATE INDEX outgoing_by_sequence ON outgoing (sequence);
CREATE INDEX outgoing_by_payment ON outgoing (payment);

CREATE TABLE freed_sequence (
    sequence INTEGER PRIMARY KEY
) STRICT;

-- Our own outputs. 'settled' is the settled value once the ledger has decided.
CREATE TABLE token (
    txid BLOB NOT NULL,
    output INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('held', 'reserved', 'spent', 'refused', 'lost', 'expired')),
    origin TEXT NOT NULL CHECK (origin IN ('issued', 'received', 'change', 'delivered')),
    settled INTEGER,
    holder BLOB,
    at INTEGER NOT NULL,
    PRIMARY KEY (txid, output),
    FOREIGN KEY (txid, output) REFERENCES output (txid, output)
) STRICT, WITHOUT ROWID;
CREATE INDEX token_by_state ON token (state);
CREATE INDEX token_by_holder ON token (holder);

-- Payments received, by a hash of the ids of their new transfers.
CREATE TABLE incoming (
    id BLOB PRIMARY KEY,
    request BLOB NOT NULL,
    key BLOB NOT NULL,
    payer BLOB NOT NULL,
    amount INTEGER NOT NULL,
    source TEXT NOT NULL CHECK (source IN ('payer', 'ledger')),
    at INTEGER NOT NULL,
    code TEXT,
    receipt BLOB
) STRICT, WITHOUT ROWID;

CREATE TABLE incoming_transfer (
    incoming BLOB NOT NULL REFERENCES incoming (id),
    place INTEGER NOT NULL,
    txid BLOB NOT NULL,
    PRIMARY KEY (incoming, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX incoming_by_transfer ON incoming_transfer (txid);
CREATE INDEX incoming_by_request ON incoming (request);

-- Our own redemptions: refresh, defunding, refusal.
CREATE TABLE redemption (
    txid BLOB PRIMARY KEY REFERENCES outgoing (txid),
    kind TEXT NOT NULL CHECK (kind IN ('refresh', 'defund', 'refusal')),
    amount INTEGER NOT NULL,
    at INTEGER NOT NULL,
    incoming BLOB REFERENCES incoming (id),
    value INTEGER,
    issuance BLOB REFERENCES object (id)
) STRICT, WITHOUT ROWID;

-- Refusals that payees gave us: money that the central bank will issue to us anew.
CREATE TABLE returning_money (
    txid BLOB PRIMARY KEY REFERENCES object (id),
    payment BLOB NOT NULL REFERENCES payment (id),
    amount INTEGER NOT NULL,
    value INTEGER,
    issuance BLOB REFERENCES object (id)
) STRICT, WITHOUT ROWID;

CREATE TABLE funding (
    id BLOB PRIMARY KEY,
    owner BLOB NOT NULL,
    amounts BLOB NOT NULL,
    amount INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'done', 'dropped')),
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What the ledger answered; 'verdict' is null while a transfer waits for something.
CREATE TABLE answer (
    txid BLOB PRIMARY KEY,
    uploaded INTEGER NOT NULL,
    verdict INTEGER,
    settled BLOB,
    code TEXT,
    settlement BLOB
) STRICT, WITHOUT ROWID;

CREATE TABLE consumption (
    id BLOB PRIMARY KEY,
    raw BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE evidence (
    first BLOB NOT NULL,
    second BLOB NOT NULL,
    wallet BLOB NOT NULL,
    raw BLOB NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (first, second)
) STRICT, WITHOUT ROWID;
