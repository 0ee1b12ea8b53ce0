"""Plain uploads upon SQL (`ledger_sync.bank.ports.plain`)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from ledger_sync.bank.parsed import keep
from ledger_sync.bank.ports.plain import Hop, Noted, Seen, Settling
from ledger_sync.bank.sql.plain_rows import OVER, changes
from ledger_sync.bank.sql.plain_seen import seen
from ledger_sync.database.store import Store
from wallet.protocol.bundle import Bundle

_TOO_FAR: Final = 120
"""Seconds; one that is somebody's for longer was noted by a clock that was wrong (`SqlSettlements.claim`)."""
_NOTED: Final = "select number, uploader, bundle from journal"
_NUMBERED: Final = (
    "insert into journal (uploader, bundle, due) select n.column1, n.column2, n.column3 from ({rows}) as n"
    " returning number"
)
_TOLD_OF: Final = (
    "select n.column1 from ({rows}) as n where"
    " (select 1 from transfers t where t.id = n.column1) is not null"
    " or (select 1 from inputs i where i.origin = n.column1 limit 1) is not null"
    " or (select 1 from consumed c where c.origin = n.column1 limit 1) is not null"
    " or (select 1 from lacks l where l.wanted = n.column1 limit 1) is not null"
    " or (select 1 from copies c where c.signer = n.column2 and c.sequence = n.column3 limit 1) is not null"
    " or (select 1 from inputs i where i.origin = n.column4 and i.output = n.column5 limit 1) is not null"
    " or (select c.consumer from consumed c where c.origin = n.column4 and c.output = n.column5) <> n.column1"
    " or (select 1 from prevailing p where p.key = n.column2 and p.bank <> n.column7 limit 1) is not null"
    " or (select 1 from prevailing p where p.key = n.column6 and p.bank <> n.column7 limit 1) is not null"
)
"""Each is looked for by an index, whatever PostgreSQL knew of the tables when it planned that: of ``exists`` it would
hash whole tables, and of a join it may go through the table for each row of the set."""
_LOOKED_FOR: Final = ("bytea", "bytea", "bigint", "bytea", "bigint", "bytea", "text")


class SqlPlainUploads:
    """Upon one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def seen(self, bundle: Bundle, uploader: str) -> Seen:
        return seen(self._store, bundle, uploader)

    # the journal

    def note(self, uploads: Sequence[tuple[str, bytes]], until: int) -> Sequence[int]:
        rows = [(uploader, bundle, until) for uploader, bundle in uploads]
        found = self._store.rows_over(_NUMBERED, ("text", "bytea", "bigint"), rows)
        return sorted(number for (number,) in found)

    def over(self, numbers: Collection[int]) -> None:
        self._store.run_over(OVER, ("bigint",), [(number,) for number in numbers])

    def put_off(self, number: int, until: int) -> None:
        self._store.run("update journal set due = ? where number = ?", (until, number))

    def release_all(self) -> None:
        self._store.run("update journal set due = 0 where due <> 0")

    def left(self, now: int, most: int) -> Sequence[Noted]:
        rows = self._store.rows(f"{_NOTED} where due <= ? order by due limit ?", (now, most))
        rows += self._store.rows(f"{_NOTED} where due > ? order by due limit ?", (now + _TOO_FAR, most))
        return [Noted(*row) for row in sorted(rows)][:most]

    def after(self, number: int, most: int) -> Sequence[Noted]:
        rows = self._store.rows(f"{_NOTED} where number > ? order by number limit ?", (number, most))
        return [Noted(*row) for row in rows]

    # what is written at once

    def told_of(self, hops: Sequence[Hop], bank: str) -> frozenset[bytes]:
        bodies = [(hop.transfer.id, hop.owner, hop.transfer.body) for hop in hops]
        rows = [
            (txid, owner, body.sequence, *ref, body.payee, bank)
            for txid, owner, body in bodies
            for ref in body.inputs
        ]
        return frozenset(txid for (txid,) in self._store.rows_over(_TOLD_OF, _LOOKED_FOR, rows))

    def write(self, settling: Settling) -> None:
        for one in settling.ended:
            keep(one.hop.transfer)
            keep(one.verdict)
            for word in one.words:
                keep(word)
        for request, _ in settling.requests:
            keep(request)
        self._store.change_all(changes(settling))
