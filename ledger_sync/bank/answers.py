"""Answers: one row for each transfer, the same for ever once there is a verdict.

`[txid, settlement | null, first answered | null, [consumption, ...], evidence | null, outcome | null]`.
"""

from __future__ import annotations

from collections.abc import Iterable

from ledger_sync.bank.house import House
from ledger_sync.bank.objects import Objects
from ledger_sync.bank.redemptions import Redemptions
from ledger_sync.bank.shares import uploader_of_customer
from wallet.protocol import codec
from wallet.protocol.bounds import MAX_OBJECT_BYTES
from wallet.protocol.codec import Cbor
from wallet.protocol.settlement import Verdict


class Answers:
    """Reads verdicts and all that goes with them."""

    def __init__(self, house: House, objects: Objects, redemptions: Redemptions, most_bytes: int) -> None:
        """``most_bytes``: of rows in one answer."""
        self._most_bytes = most_bytes
        self._store = house.store
        self._objects = objects
        self._redemptions = redemptions

    def known(self, txids: Iterable[bytes]) -> dict[bytes, int]:
        """When each of these got its verdict (unix seconds), where it has one."""
        found = {}
        for txid in txids:
            time = self._store.value("select time from settlements where transfer = ?", (txid,))
            if time is not None:
                found[txid] = time
        return found

    def rows_for(self, account: str, txids: Iterable[bytes]) -> list[Cbor]:
        """A row for each: an answer only about transfers that ``account`` uploaded or that are listed for it."""
        asked = list(txids)
        own = [txid for txid in asked if self._concerns(account, txid)]
        rows = dict(zip(own, self.rows(own), strict=True))
        return [rows.get(txid, _waiting(txid)) for txid in asked]

    def _concerns(self, account: str, txid: bytes) -> bool:
        row = self._store.row(
            "select 1 from uploads where transfer = ? and uploader = ?"
            " union select 1 from deliveries where object = ? and customer = ?",
            (txid, uploader_of_customer(account), txid, account),
        )
        return row is not None

    def rows(self, txids: Iterable[bytes], repeats: dict[bytes, int] | None = None) -> list[Cbor]:
        """A row for each; those in ``repeats`` say when they were first answered. What does not fit into one answer
        is given as waiting, to be asked for again."""
        left = self._most_bytes
        rows: list[Cbor] = []
        for txid in txids:
            row = self._row(txid, (repeats or {}).get(txid))
            left -= len(codec.encode(row))
            rows.append(row if left >= 0 else _waiting(txid))
        return rows

    def _row(self, txid: bytes, first: int | None) -> Cbor:
        settlement = self._objects.settlements.of(txid)
        if settlement is None:
            return _waiting(txid)
        body = self._objects.transfers.body(txid)
        is_refused = settlement.body.verdict is Verdict.REFUSED
        statements = [] if body is None or is_refused else self._objects.statements.about(body.inputs)
        is_redemption = body is not None and body.redemption is not None
        outcome = self._redemptions.outcome(txid) if is_redemption else None
        return [
            txid,
            settlement.to_cbor(),
            first,
            [statement.to_cbor() for statement in statements],
            None if settlement.body.verdict is Verdict.SETTLED else self._evidence(txid),
            None if outcome is None else [None if outcome[0] is None else outcome[0].to_cbor(), outcome[1]],
        ]

    def _evidence(self, txid: bytes) -> Cbor:
        raw = self._store.value(
            "select e.raw from settlements s join evidence e on e.id = s.evidence where s.transfer = ?",
            (txid,),
        )
        return None if raw is None else codec.decode(raw, 3 * MAX_OBJECT_BYTES)


def _waiting(txid: bytes) -> Cbor:
    """No verdict yet, which is no verdict."""
    return [txid, None, None, [], None, None]
