"""Plain uploads upon SQL (`ledger_sync.bank.ports.plain`)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from ledger_sync.bank.parsed import keep
from ledger_sync.bank.ports.plain import Hop, Noted
from ledger_sync.bank.ports.transfers import Stage
from ledger_sync.bank.sql.settlements import SETTLEMENT
from ledger_sync.bank.sql.transfers import COPY, INPUT, SIGNER
from ledger_sync.database.store import Row, Store
from wallet.database import insertion
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import Settlement

_TOO_FAR: Final = 120
"""Seconds; one that is somebody's for longer was noted by a clock that was wrong (`SqlSettlements.claim`)."""
_NOTED: Final = "select number, uploader, bundle from journal"
_NUMBERED: Final = (
    "insert into journal (uploader, bundle, due) select n.column1, n.column2, n.column3 from ({rows}) as n"
    " returning number"
)
_TRANSFER: Final = insertion(
    "transfers",
    ("id", "payload", "sequence", "purpose", "stage", "owner", "first_uploader"),
    unless_there=False,
)
_UPLOAD: Final = insertion("uploads", ("transfer", "uploader", "whole"), unless_there=False)
_TOLD_OF: Final = (
    "select n.column1 from ({rows}) as n where exists (select 1 from transfers t where t.id = n.column1)"
    " or exists (select 1 from inputs i where i.origin = n.column1)"
    " or exists (select 1 from consumed d where d.origin = n.column1)"
    " or exists (select 1 from lacks l where l.wanted = n.column1)"
    " or exists (select 1 from copies c where c.signer = n.column2 and c.sequence = n.column3)"
)
_CONSUMED: Final = (
    "select n.column1 from ({rows}) as n where"
    " exists (select 1 from inputs i where i.origin = n.column2 and i.output = n.column3) or exists"
    " (select 1 from consumed c where c.origin = n.column2 and c.output = n.column3 and c.consumer <> n.column1)"
)


class SqlPlainUploads:
    """Upon one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # the journal

    def note(self, uploads: Sequence[tuple[str, bytes]], until: int) -> Sequence[int]:
        rows = [(uploader, bundle, until) for uploader, bundle in uploads]
        found = self._store.rows_over(_NUMBERED, ("text", "bytea", "bigint"), rows)
        return sorted(number for (number,) in found)

    def over(self, numbers: Collection[int]) -> None:
        for number in numbers:
            self._store.run("delete from journal where number = ?", (number,))

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

    def told_of(self, hops: Sequence[Hop]) -> frozenset[bytes]:
        names = [(hop.transfer.id, hop.owner, hop.transfer.body.sequence) for hop in hops]
        refs = [(hop.transfer.id, *ref) for hop in hops for ref in hop.transfer.body.inputs]
        rows = [
            *self._store.rows_over(_TOLD_OF, ("bytea", "bytea", "bigint"), names),
            *self._store.rows_over(_CONSUMED, ("bytea", "bytea", "bigint"), refs),
        ]
        return frozenset(txid for (txid,) in rows)

    def write(self, settled: Sequence[tuple[Hop, Signed[Settlement]]]) -> None:
        hops = [hop for hop, _ in settled]
        for hop in hops:
            keep(hop.transfer)
        store = self._store
        store.run_each(_TRANSFER, [_transfer(hop) for hop in hops])
        store.run_each(INPUT, [(hop.transfer.id, *ref) for hop in hops for ref in hop.transfer.body.inputs])
        store.run_each(COPY, [_copy(hop) for hop in hops])
        store.run_each(_UPLOAD, [(hop.transfer.id, hop.uploader, 0) for hop in hops])
        store.run_each(SIGNER, [(hop.transfer.id, hop.certificate.id) for hop in hops])
        store.run_each(SETTLEMENT, [_settlement(verdict) for _, verdict in settled])


def _transfer(hop: Hop) -> Row:
    signed, body = hop.transfer, hop.transfer.body
    return (
        signed.id,
        signed.payload,
        body.sequence,
        body.purpose,
        Stage.ANSWERED.value,
        hop.owner,
        hop.uploader,
    )


def _copy(hop: Hop) -> Row:
    return hop.transfer.id, hop.owner, hop.transfer.body.sequence, hop.transfer.signature


def _settlement(verdict: Signed[Settlement]) -> Row:
    body = verdict.body
    return body.transfer, int(body.verdict), None, body.time, verdict.payload, verdict.seal(), None
