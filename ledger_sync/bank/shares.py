"""Shares: what one uploader may have at this bank that nobody has paid for yet, and who is charged for it.

Rule (docs/decisions/shares.md): a full share refuses nothing that can be judged now. What is over leaves, and of a
bank's share, which many customers fill, whoever has most of it loses its oldest: so no signer's and no uploader's
rubbish stands in anybody else's way. What left may be brought again.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import Final

from ledger_sync.bank.sqlite.store import Store
from ledger_sync.bank.terms import Capacity

BANK_UPLOADER: Final = "bank:"
CUSTOMER_UPLOADER: Final = "customer:"
_SUM: Final = ""
"""The payer under whom a share's sum stands."""


class Share(StrEnum):
    """WAITING: transfers that can't be judged yet. CLAIMS: signatures of unknown signers. REQUESTS: payment requests
    that no settled transfer answers."""

    WAITING = "waiting"
    CLAIMS = "claims"
    REQUESTS = "requests"


class Shares:
    """The table of how much of each share is used. Works within the caller's transaction."""

    def __init__(self, store: Store, capacity: Capacity) -> None:
        self._store = store
        self._changes: Counter[tuple[str, str, str]] = Counter()
        store.at_end(self._write, self._changes.clear)
        self._relays = capacity.relays
        self._most = {
            Share.WAITING: capacity.waiting,
            Share.CLAIMS: capacity.claims,
            Share.REQUESTS: capacity.requests,
        }

    def most(self, share: Share, uploader: str) -> int:
        """How much of it one uploader may have: a bank passes on what many customers brought."""
        return self._most[share] * (self._relays if uploader.startswith(BANK_UPLOADER) else 1)

    def charge(self, share: Share, uploader: str, payer: str = _SUM, count: int = 1) -> None:
        """So much more (or less) of it is used, by ``payer`` within the uploader's share. What comes and goes within
        one transaction is never written."""
        for name in {payer, _SUM}:
            self._changes[uploader, share.value, name] += count

    def _write(self) -> None:
        changes = {key: count for key, count in self._changes.items() if count}
        self._changes.clear()
        for key, count in changes.items():
            if count > 0:
                sql = (
                    "insert into shares (uploader, what, payer, count) values (?, ?, ?, ?)"
                    " on conflict (uploader, what, payer) do update set count = count + excluded.count"
                )
                self._store.run(sql, (*key, count))
            else:
                where = "where uploader = ? and what = ? and payer = ?"
                self._store.run(f"update shares set count = count + ? {where}", (count, *key))
                self._store.run(f"delete from shares {where} and count = 0", key)

    def over(self, share: Share, uploader: str) -> int:
        """How much more than its share the uploader has; 0 if it is within it."""
        self._write()
        sql = "select count from shares where uploader = ? and what = ? and payer = ?"
        used = self._store.value(sql, (uploader, share.value, _SUM))
        return max(0, int(used or 0) - self.most(share, uploader))

    def biggest(self, share: Share, uploader: str) -> tuple[str, int]:
        """Who has most of it, and how much."""
        self._write()
        row = self._store.row(
            "select payer, count from shares where uploader = ? and what = ? and payer <> ?"
            " order by count desc limit 1",
            (uploader, share.value, _SUM),
        )
        return (_SUM, 0) if row is None else (row[0], row[1])


def uploader_of_bank(bank: str) -> str:
    return BANK_UPLOADER + bank


def uploader_of_customer(account: str) -> str:
    return CUSTOMER_UPLOADER + account
