"""Refunds upon SQL (`ledger_sync.bank.ports.refunds`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ledger_sync.database.store import Store
from wallet.protocol.transfer import TokenRef

_DUE: Final = (
    "select h.origin, h.output, (select w.customer from wallets w where w.key = h.owner limit 1)"
    " from unspent h join tokens t on t.origin = h.origin and t.output = h.output"
    " where h.refund = 0 and h.expires < ? and t.value > 0 order by h.expires limit ?"
)
_UNDER_WAY: Final = (
    "select r.origin, r.output, t.value - coalesce(r.value, 0) from refunds r join tokens t"
    " on t.origin = r.origin and t.output = r.output where r.stage = 'open' order by 1, 2"
)
_SET: Final = "update refunds set stage = ?, value = ? where origin = ? and output = ? and stage = 'open'"
_UNSPENT: Final = "update unspent set refund = ? where origin = ? and output = ?"


class SqlRefunds:
    """Upon one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def open(self, before: int, most: int) -> Sequence[TokenRef]:
        with self._store.transaction():
            rows = self._store.rows(_DUE, (before, most))
            for origin, output, account in rows:
                self._store.run(_UNSPENT, (1, origin, output))
                self._store.insert("refunds", origin=origin, output=output, customer=account, stage="open")
        return [TokenRef(origin, output) for origin, output, _ in rows]

    def account_of(self, token: TokenRef) -> str | None:
        account: str | None = self._store.value(
            "select customer from refunds where origin = ? and output = ?", token
        )
        return account

    def too_early(self, token: TokenRef) -> bool:
        with self._store.transaction():
            sql = "delete from refunds where origin = ? and output = ? and stage = 'open'"
            self._store.run(_UNSPENT, (0, *token))
            return self._store.run(sql, token) == 1

    def paid(self, token: TokenRef, value: int) -> bool:
        return self._close(token, "paid", value)

    def late(self, token: TokenRef) -> bool:
        return self._close(token, "late", None)

    def _close(self, token: TokenRef, stage: str, value: int | None) -> bool:
        with self._store.transaction():
            self._store.run("delete from unspent where origin = ? and output = ?", token)
            return self._store.run(_SET, (stage, value, *token)) == 1

    def owed(self, token: TokenRef, paid: int) -> bool:
        return self._store.run(_SET, ("open", paid, *token)) == 1

    def under_way(self) -> Sequence[tuple[TokenRef, int]]:
        return [(TokenRef(origin, output), value) for origin, output, value in self._store.rows(_UNDER_WAY)]
