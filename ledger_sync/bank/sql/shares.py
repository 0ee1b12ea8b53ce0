"""Shares and what waits, upon SQL (`ledger_sync.bank.ports.shares`).

Rule: what comes and goes within one transaction is never written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from ledger_sync.bank.ports.shares import Share
from ledger_sync.bank.sql.once import Once
from ledger_sync.database.store import Store
from wallet.protocol.bounds import DAY

_SUM: Final = ""
"""The payer under whom a share's sum stands."""
_SOON: Final = 60
_SELDOM: Final = DAY
"""Seconds until a waiting transfer is looked after, and at most."""


class SqlShares:
    """The table of how much of each share is used."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._changes: Counter[tuple[str, str, str]] = Counter()
        store.at_end(self._write, self._changes.clear)

    def charge(self, share: Share, uploader: str, payer: str = _SUM, count: int = 1) -> None:
        """So much more (or less) of it is used, by ``payer`` within the uploader's share. Outside a transaction it is
        one of its own: what is gathered is the writer's alone."""
        with self._store.transaction():
            for name in {payer, _SUM}:
                self._changes[uploader, share.value, name] += count

    def _write(self) -> None:
        """Where another thread's transaction has gathered these, they are that one's to write."""
        if not self._store.in_transaction:
            return
        changes = {key: count for key, count in self._changes.items() if count}
        self._changes.clear()
        for key, count in changes.items():
            if count > 0:
                sql = (
                    "insert into shares (uploader, what, payer, count) values (?, ?, ?, ?)"
                    " on conflict (uploader, what, payer) do update set count = shares.count + excluded.count"
                )
                self._store.run(sql, (*key, count))
            else:
                where = "where uploader = ? and what = ? and payer = ?"
                self._store.run(f"update shares set count = count + ? {where}", (count, *key))
                self._store.run(f"delete from shares {where} and count = 0", key)

    def used(self, share: Share, uploader: str) -> int:
        """How much of it the uploader has."""
        self._write()
        sql = "select count from shares where uploader = ? and what = ? and payer = ?"
        return int(self._store.value(sql, (uploader, share.value, _SUM)) or 0)

    def biggest(self, share: Share, uploader: str) -> tuple[str, int]:
        """Who has most of it, and how much."""
        self._write()
        row = self._store.row(
            "select payer, count from shares where uploader = ? and what = ? and payer <> ?"
            " order by count desc limit 1",
            (uploader, share.value, _SUM),
        )
        return (_SUM, 0) if row is None else (row[0], row[1])


class SqlWaiting:
    """The table of what waits."""

    def __init__(self, store: Store, shares: SqlShares) -> None:
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
        """What came and still waits. Where another thread's transaction has gathered it, it is that one's to write."""
        if not self._store.in_transaction:
            return
        self._store.run_each(
            "insert into waiting (transfer, uploader, payer, since, due) values (?, ?, ?, ?, ?)",
            [
                (txid, uploader, payer, since, since + _SOON)
                for txid, (uploader, payer, since) in self._fresh.items()
            ],
        )
        self._fresh.clear()

    def charged(self, txid: bytes) -> tuple[str, str] | None:
        """Who brought it and who is charged for it, while it waits."""
        return self._charged.get(txid)

    def _read(self, txid: bytes) -> tuple[str, str] | None:
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
        """Transfers to be looked after."""
        self._write()
        rows = self._store.rows(
            "select transfer from waiting where due <= ? union all select transfer from waiting where due > ? limit ?",
            (now, now + _SELDOM, limit),
        )
        return [row[0] for row in rows]

    def looked(self, txids: Iterable[bytes], now: int) -> None:
        """They were looked after."""
        self._write()
        self._store.run_each(
            "update waiting set due = ?1 + case when ?1 - since <= 4 * ?3 then ?3 when ?1 - since >= 4 * ?2 then ?2"
            " else (?1 - since) / 4 end where transfer = ?4",
            [(now, _SELDOM, _SOON, txid) for txid in txids],
        )

    def hurry(self, txids: Iterable[bytes]) -> None:
        """Look after them now."""
        self._write()
        self._store.run_each("update waiting set due = 0 where transfer = ?", [(txid,) for txid in txids])

    def oldest(self, uploader: str, payer: str, limit: int) -> list[bytes]:
        """What has waited longest of what is charged so."""
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


class SqlRefused:
    """The table of what is refused."""

    def __init__(self, store: Store, shares: SqlShares, waiting: SqlWaiting) -> None:
        self._store = store
        self._shares = shares
        self._waiting = waiting

    def add(self, txid: bytes, now: int) -> str:
        held = self._waiting.charged(txid)
        assert held is not None, "what is refused has waited until now"
        uploader, payer = held
        self._store.insert("refused", transfer=txid, uploader=uploader, payer=payer, since=now)
        self._shares.charge(Share.REFUSED, uploader, payer)
        return uploader

    def oldest(self, uploader: str, payer: str, limit: int) -> list[bytes]:
        return self._answered("r.uploader = ? and r.payer = ?", (uploader, payer, limit))

    def since(self, before: int, limit: int) -> list[bytes]:
        return self._answered("r.since < ?", (before, limit))

    def _answered(self, which: str, values: tuple[str | int, ...]) -> list[bytes]:
        rows = self._store.rows(
            "select r.transfer from refused r join transfers t on t.id = r.transfer and t.stage = 'answered'"
            f" where {which} order by r.since limit ?",
            values,
        )
        return [row[0] for row in rows]

    def over(self, txid: bytes) -> None:
        rows = self._store.rows("delete from refused where transfer = ? returning uploader, payer", (txid,))
        for uploader, payer in rows:
            self._shares.charge(Share.REFUSED, uploader, payer, count=-1)
