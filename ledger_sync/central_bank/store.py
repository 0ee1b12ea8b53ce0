"""The central bank's database: one file, one connection, one writer at a time.

Rule: what an answer promises is in the same transaction as the money it moves, so that after a crash the same
question has the same answer, byte for byte.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ledger_sync.database import connect, transaction

_SCHEMA: Final = """
create table if not exists accounts (name text primary key, balance integer not null) without rowid;
create table if not exists movements (
    number integer primary key, kind text not null, id blob not null, time integer not null
);
create table if not exists entries (
    movement integer not null references movements, account text not null references accounts (name),
    amount integer not null, primary key (account, movement)
) without rowid;

create table if not exists orders (
    kind text not null, id blob not null, bank text not null, amount integer not null, total integer not null,
    primary key (kind, id)
) without rowid;
create table if not exists issuances (
    id blob primary key, cause text not null, cause_id blob not null, bank text not null, raw blob not null,
    unique (cause, cause_id)
);
create table if not exists redemptions (
    txid blob primary key, value integer not null, issuance blob references issuances (id), bank text
) without rowid;
create table if not exists refunds (
    txid blob not null, output integer not null, bank text not null, value integer not null,
    primary key (txid, output)
) without rowid;
create table if not exists challenges (
    txid blob not null, output integer not null, first_asked integer not null,
    claimant blob, bank text, value integer,
    primary key (txid, output)
) without rowid;
create table if not exists consumed (
    txid blob not null, output integer not null, consumer blob not null, primary key (txid, output)
) without rowid;

create table if not exists directory (one integer primary key check (one = 1), raw blob not null);
create table if not exists head (one integer primary key check (one = 1), raw blob not null);
create table if not exists deltas (version integer primary key, raw blob not null);
create table if not exists revocations (
    id blob primary key, bank text not null, key blob not null, reason integer not null,
    version integer not null, time integer not null, leaves integer not null
) without rowid;
create index if not exists revocations_by_key on revocations (key, bank);
create index if not exists revocations_by_leaving on revocations (leaves);
create table if not exists evidence (
    version integer not null references deltas, raw blob not null, primary key (version, raw)
) without rowid;
"""


class Store:
    """The database, shared by all that the central bank does."""

    def __init__(self, path: Path | str) -> None:
        self._lock = threading.RLock()
        self._db = connect(path, _SCHEMA)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, while nobody else has it."""
        with self._lock:
            yield self._db

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The connection in a transaction of its own, which stands when the block ends and never was if it raises."""
        with self._lock, transaction(self._db):
            yield self._db

    def close(self) -> None:
        with self._lock:
            self._db.close()
