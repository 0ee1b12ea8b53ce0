"""Consumed tokens and the notary's words upon SQL (`ledger_sync.central_bank.ports.winners`)."""

from __future__ import annotations

from ledger_sync.database.store import Store
from ledger_sync.heard import PAGE, last, start
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import Consumption, parse_consumption
from wallet.protocol.transfer import TokenRef


class SqlWinners:
    """The tables of them. Words are numbered by the file, in which writers take turns."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def keep(self, ref: TokenRef, consumer: bytes) -> bytes:
        if self._store.insert("consumed", txid=ref.txid, output=ref.output, consumer=consumer):
            return consumer
        standing: bytes = self._store.value(
            "select consumer from consumed where txid = ? and output = ?", ref
        )
        return standing

    def hear(self, statement: Signed[Consumption]) -> bool:
        return self._store.insert("heard", id=statement.id, time=statement.body.time, raw=statement.encode())

    def heard(self, since: int, after: int) -> tuple[int, list[Signed[Consumption]]]:
        rows = self._store.rows(
            "select number, raw from heard where number > ? order by number limit ?",
            (max(after, start(self._store.rows, since)), PAGE),
        )
        return (rows[-1][0] if rows else 0), [parse_consumption(raw) for _, raw in rows]

    def last_heard(self) -> int:
        return last(self._store.rows)
