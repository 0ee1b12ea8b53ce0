"""Wallets and their banks as an auditor reads them: from the stores on disk, without opening anything.

Rule: after a kill nothing is opened to look at it, so that only the next start resumes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.wallets.places import Home

_HELD: Final = """select coalesce(sum(o.amount), 0) from token t join output o using (txid, output)
    where t.state in ('held', 'reserved')"""
_BEGUN: Final = {
    "payment": "select id from payment where state <> 'dropped'",
    "transfer": "select txid from outgoing where payment is not null",
    "funding": "select id from funding where state <> 'dropped'",
    "received": "select id from incoming where code is null",
    "refused": "select id from incoming where code is not null",
    "receipt": "select receipt from incoming where receipt is not null",
    "refusal": "select txid from redemption where kind = 'refusal'",
    "defund": "select txid from redemption where kind = 'defund'",
    "refresh": "select txid from redemption where kind = 'refresh'",
}
_OPEN: Final = {
    "payment": "select id from payment where state in ('reserved', 'signed')",
    "funding": "select id from funding where state = 'open'",
    "redemption": "select txid from redemption where kind <> 'refusal' and value is null",
    "epoch": "select alias from epoch where state in ('begun', 'made')",
    "unsigned": "select txid from outgoing where state = 'unsigned'",
    "rollback": "select name from fact where name = 'rollback'",
}


@dataclass(frozen=True)
class Seen:
    """A wallet as its files and its bank's show it: tiyn ``held`` and on the ``account``, what it has ``begun`` and
    what of that is ``open``, by kind and id."""

    held: int
    account: int
    begun: frozenset[tuple[str, bytes]]
    open: frozenset[tuple[str, bytes]]

    @property
    def sum(self) -> int:
        return self.held + self.account

    def of(self, kind: str) -> frozenset[bytes]:
        return frozenset(name for what, name in self.begun if what == kind)

    def new(self, before: Seen) -> Mapping[str, int]:
        """How many of each kind there are more than before."""
        grown = {kind: len(self.of(kind) - before.of(kind)) for kind in _BEGUN}
        return {kind: count for kind, count in grown.items() if count}


def see(home: Path, name: str) -> Seen:
    """The wallet ``name`` of ``home``, whose sandbox has its bank."""
    store = _read(home / "wallets" / name / "purse" / "purse.db")
    try:
        held = store.execute(_HELD).fetchone()[0]
        begun = {(kind, row[0]) for kind, sql in _BEGUN.items() for row in store.execute(sql)}
        left = {(kind, row[0]) for kind, sql in _OPEN.items() for row in store.execute(sql)}
    finally:
        store.close()
    return Seen(held, _account(home, name), frozenset(begun), frozenset(left))


def _account(home: Path, name: str) -> int:
    profile = Home(home).wallet(name).profile()
    bank = _read(home / "sandbox" / profile.bank / "bank.db")
    try:
        found = bank.execute("select balance from accounts where id = ?", (profile.account,)).fetchone()
        return int(found[0])
    finally:
        bank.close()


def _read(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)
