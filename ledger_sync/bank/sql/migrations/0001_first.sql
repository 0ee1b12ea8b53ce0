-- The first store of a bank node. Amounts in tiyn, times in unix seconds, keys and ids as bytes.

-- Double entry: what the bank owes is positive, its claim on the central bank (account 'position') negative,
-- and the postings of an entry sum to 0. One cause is booked once.
create table accounts (
    id text primary key,
    balance integer not null default 0 check (balance >= 0 or id in ('own', 'position'))
) strict;
create table entries (
    id integer primary key,
    cause text not null unique,
    time integer not null
) strict;
create table postings (
    entry integer not null references entries,
    account text not null references accounts,
    amount integer not null check (amount <> 0),
    primary key (entry, account)
) strict, without rowid;

create table customers (
    id text primary key references accounts,
    name text not null,
    kind integer not null,
    category integer not null,
    opening integer not null,
    opened integer not null
) strict;
create table enrolment_codes (
    code text primary key,
    cause blob not null unique,
    customer text not null references customers,
    device blob
) strict;
create table devices (
    key blob primary key,
    customer text not null references customers,
    since integer not null,
    closed integer
) strict;
create index devices_by_customer on devices (customer);

-- Received objects: payload and signature as they came, by the id of the payload.
create table certificates (
    id blob primary key,
    key blob not null,
    bank text not null,
    expires integer not null,
    payload blob not null,
    signature blob not null
) strict, without rowid;
create index certificates_by_key on certificates (key);
create table issuances (
    id blob primary key,
    owner blob not null,
    payload blob not null,
    signature blob not null
) strict, without rowid;
create table requests (
    id blob primary key,
    ref blob not null,
    payload blob not null,
    signature blob not null,
    uploader text not null
) strict, without rowid;
create index requests_by_ref on requests (ref);
create index requests_by_uploader on requests (uploader);

-- turn: the order in which transfers became valid, ancestors first.
create table transfers (
    id blob primary key,
    payload blob not null,
    sequence integer not null,
    purpose blob,
    stage text not null check (stage in ('waiting', 'valid', 'committed', 'answered')),
    owner blob,
    turn integer,
    first_uploader text not null
) strict, without rowid;
create index transfers_by_stage on transfers (stage, turn);
create index transfers_waiting_of on transfers (first_uploader) where stage = 'waiting';
create index transfers_by_purpose on transfers (purpose);
create table inputs (
    transfer blob not null references transfers,
    origin blob not null,
    output integer not null,
    primary key (transfer, origin, output)
) strict, without rowid;
create index inputs_by_origin on inputs (origin, output);
-- A signature that its signer's key was seen to have made.
create table copies (
    transfer blob not null references transfers,
    signer blob not null,
    sequence integer not null,
    signature blob not null,
    primary key (transfer, signer)
) strict, without rowid;
create index copies_by_signer on copies (signer, sequence);
-- A signature whose signer is not yet known: one for each uploader, so that nobody's copy hides another's.
create table claims (
    transfer blob not null references transfers,
    uploader text not null,
    signature blob not null,
    primary key (transfer, uploader)
) strict, without rowid;
create index claims_by_uploader on claims (uploader);
-- whole: 1 when the uploader is known to have the provenance too.
create table uploads (
    transfer blob not null,
    uploader text not null,
    whole integer not null,
    primary key (transfer, uploader)
) strict, without rowid;

-- Outputs of valid transfers and issuances; value is null until settled.
create table tokens (
    origin blob not null,
    output integer not null,
    amount integer not null,
    owner blob not null,
    currency text not null,
    mark blob,
    hop integer not null,
    expires integer not null,
    made integer not null,
    payer blob,
    value integer,
    primary key (origin, output)
) strict, without rowid;
create index tokens_by_owner on tokens (owner, expires);
create table signers (
    transfer blob primary key references transfers,
    certificate blob not null references certificates
) strict, without rowid;

create table statements (
    id blob primary key,
    consumer blob not null,
    payload blob not null,
    signature blob not null
) strict, without rowid;
create table consumed (
    origin blob not null,
    output integer not null,
    consumer blob not null,
    statement blob not null references statements,
    primary key (origin, output)
) strict, without rowid;
-- A committed transfer that waits for a conflict's other payload.
create table lacks (
    transfer blob not null references transfers,
    wanted blob not null,
    primary key (transfer, wanted)
) strict, without rowid;
create index lacks_by_wanted on lacks (wanted);

create table evidence (
    id blob primary key,
    kind integer not null,
    key blob not null,
    raw blob not null
) strict, without rowid;
create table settlements (
    transfer blob primary key references transfers,
    verdict integer not null,
    code text,
    time integer not null,
    payload blob not null,
    signature blob not null,
    evidence blob references evidence
) strict, without rowid;

-- What this bank has certified, and what became of it.
create table wallets (
    wallet blob primary key,
    key blob not null,
    customer text not null references customers,
    device blob not null references devices,
    certificate blob not null references certificates,
    issued integer not null,
    expires integer not null
) strict, without rowid;
create index wallets_by_key on wallets (key);
create index wallets_by_customer on wallets (customer, expires);
create table revocations (
    wallet blob not null references wallets,
    reason integer not null,
    evidence blob references evidence,
    time integer not null,
    version integer,
    primary key (wallet, reason)
) strict, without rowid;
create index revocations_open on revocations (wallet) where version is null;

create table fundings (
    id blob primary key,
    customer text not null references customers,
    owner blob not null,
    amounts blob not null,
    amount integer not null,
    stage text not null check (stage in ('debited', 'issued', 'refused')),
    attempt integer not null default 1,
    issuance blob references issuances
) strict, without rowid;
create index fundings_open on fundings (customer) where stage = 'debited';
create table redemptions (
    transfer blob primary key references transfers,
    customer text references customers,
    settled integer not null,
    done integer not null default 0,
    value integer,
    issuance blob references issuances
) strict, without rowid;
create table refunds (
    origin blob not null,
    output integer not null,
    customer text not null references customers,
    stage text not null check (stage in ('open', 'paid', 'late')),
    value integer,
    primary key (origin, output)
) strict, without rowid;
create table challenges (
    transfer blob not null references transfers,
    wanted blob not null,
    customer text references customers,
    value integer,
    primary key (transfer, wanted)
) strict, without rowid;

create table deliveries (
    seq integer primary key autoincrement,
    customer text not null references customers,
    kind text not null check (kind in ('transfer', 'issuance')),
    object blob not null,
    unique (customer, object)
) strict;
-- Outputs whose owner's bank is not known yet.
create table unplaced (
    key blob not null,
    object blob not null,
    primary key (key, object)
) strict, without rowid;

-- Durable work: kind, for whom, about what. It is done once and kept, so that nothing is passed on twice.
create table work (
    kind text not null,
    target text not null,
    subject blob not null,
    done integer not null default 0,
    attempts integer not null default 0,
    due integer not null,
    code text,
    primary key (kind, target, subject)
) strict, without rowid;
create index work_open on work (done, due);
create table marks (
    name text primary key,
    value integer not null
) strict;
