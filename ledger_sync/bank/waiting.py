"""Waiting transfers: provenance or certificate is not at hand. They wait within shares, and not for ever.

Rule: who signed is charged as soon as that is known, else the uploader. A transfer stands here while its stage is
`waiting`; it leaves with a judgement, with its share, or when what it consumes can no longer be claimed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ledger_sync.bank.once import Once
from ledger_sync.bank.shares import Share, Shares
from ledger_sync.bank.sqlite.store import Store
from wallet.protocol.bounds import DAY

_SOON: Final = 60
_SELDOM: Final = DAY
"""Seconds until a waiting transfer is looked after, and at most."""


class Waiting:
    """The table of what waits. Works within the caller's transaction."""

    def __init__(self, store: Store, shares: Shares) -> None:
        self._store = store
        self._shares = shares
        self._charged = Once(store, self._read)
        self._fresh: dict[bytes, tuple[str, str, int]] = {}
        store.at_end(self._write, self._fresh.clear)

    def add(self, txid: bytes, uploader: str, now: int) -> None:
        """A transfer has come."""
        self._fresh[txid] = uploader, uploader, now
        self._charged.put(txid, (uploader, uploader))
        self._shares.charge(Share.WAITING, uploader, uploader)

    def _write(self) -> None:
        """What came and still waits. What comes and goes within one transaction is never written."""
        for txid, (uploader, payer, since) in self._fresh.items():
            self._store.insert(
                "waiting", transfer=txid, uploader=uploader, payer=payer, since=since, due=since + _SOON
            )
        self._fresh.clear()

    def _read(self, txid: bytes) -> tuple[str, str] | None:
        """Who brought it and who is charged for it, while it waits."""
        row = self._store.row("select uploader, payer from waiting where transfer = ?", (txid,))
        return None if row is None else (row[0], row[1])

    def charge(self, txid: bytes, payer: str) -> None:
        """Its signer is known now."""
        held = self._charged.get(txid)
        if held is not None and held[0] == held[1] != payer:
            uploader, before = held
            if txid in self._fresh:
                self._fresh[txid] = uploader, payer, self._fresh[txid][2]
            else:
                self._store.run("update waiting set payer = ? where transfer = ?", (payer, txid))
            self._charged.put(txid, (uploader, payer))
            self._shares.charge(Share.WAITING, uploader, before, count=-1)
            self._shares.charge(Share.WAITING, uploader, payer)

    def over(self, txid: bytes) -> None:
        """It waits no longer."""
        held = self._charged.get(txid)
        if held is not None:
            if self._fresh.pop(txid, None) is None:
                self._store.run("delete from waiting where transfer = ?", (txid,))
            self._charged.put(txid, None)
            self._shares.charge(Share.WAITING, *held, count=-1)

    def due(self, now: int, limit: int) -> list[bytes]:
        """Transfers to be looked after: a time further ahead than any pause was written by a clock that was wrong."""
        self._write()
        rows = self._store.rows(
            "select transfer from waiting where due <= ? union all select transfer from waiting where due > ? limit ?",
            (now, now + _SELDOM, limit),
        )
        return [row[0] for row in rows]

    def looked(self, txid: bytes, now: int) -> None:
        """It was looked after, and is again the later, the longer it has waited."""
        self._write()
        self._store.run(
            "update waiting set due = ?1 + min(?2, max(?3, (?1 - since) / 4)) where transfer = ?4",
            (now, _SELDOM, _SOON, txid),
        )

    def hurry(self, txids: Iterable[bytes]) -> None:
        """Something has become of what these consume: look after them now."""
        self._write()
        for txid in txids:
            self._store.run("update waiting set due = 0 where transfer = ?", (txid,))

    def oldest(self, uploader: str, payer: str, limit: int) -> list[bytes]:
        self._write()
        rows = self._store.rows(
            "select transfer from waiting where uploader = ? and payer = ? order by since limit ?",
            (uploader, payer, limit),
        )
        return [row[0] for row in rows]

    def since(self, before: int, limit: int) -> list[bytes]:
        """What has waited since ``before`` (unix seconds)."""
        self._write()
        rows = self._store.rows(
            "select transfer from waiting where since < ? order by since limit ?", (before, limit)
        )
        return [row[0] for row in rows]
