"""Answers: one row for each transfer, the same for ever once there is a verdict.

`[txid, settlement | null, first answered | null, [consumption, ...], evidence | null, outcome | null]`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ledger_sync.bank.context import BankContext
from ledger_sync.bank.ports.redemptions import Outcome
from ledger_sync.bank.ports.settlements import Told
from ledger_sync.bank.ports.shares import uploader_of_customer
from ledger_sync.bank.redemption.redemptions import Redemptions
from wallet.protocol import codec
from wallet.protocol.bounds import MAX_OBJECT_BYTES
from wallet.protocol.codec import Cbor
from wallet.protocol.settlement import Verdict

_ROW_BYTES: Final = 128
"""Of a row, besides what is signed or evidence."""


class TransferStatuses:
    """Reads verdicts and all that goes with them."""

    def __init__(self, context: BankContext, redemptions: Redemptions, most_bytes: int) -> None:
        """``most_bytes``: of rows in one answer."""
        self._most_bytes = most_bytes
        self._settlements = context.storage.settlements
        self._redemptions = redemptions

    def known(self, txids: Iterable[bytes]) -> Mapping[bytes, int]:
        """When each of these got its verdict (unix seconds), where it has one."""
        return self._settlements.answered(tuple(txids))

    def rows_for(self, account: str, txids: Iterable[bytes]) -> list[Cbor]:
        """A row for each: an answer only about transfers that ``account`` uploaded or that are listed for it."""
        asked = tuple(txids)
        concerning = frozenset(self._settlements.concerning(asked, uploader_of_customer(account), account))
        own = [txid for txid in asked if txid in concerning]
        rows = dict(zip(own, self.rows(own), strict=True))
        return [rows.get(txid, _waiting(txid)) for txid in asked]

    def rows(
        self,
        txids: Iterable[bytes],
        repeats: Mapping[bytes, int] | None = None,
        at_hand: Mapping[bytes, Told] | None = None,
    ) -> list[Cbor]:
        """A row for each; those in ``repeats`` say when they were first answered, and of those ``at_hand``, which are
        payments, what can be told is not read. What does not fit into one answer is given as waiting, to be asked for
        again."""
        asked, told, repeats = tuple(txids), dict(at_hand or {}), repeats or {}
        rest = [txid for txid in asked if txid not in told]
        outcomes = self._redemptions.outcomes(rest) if rest else {}
        told.update(self._settlements.told(rest) if rest else {})
        left = self._most_bytes
        rows: list[Cbor] = []
        for txid in asked:
            row, outcome = _waiting(txid), outcomes.get(txid)
            if txid in told:
                left -= _size(told[txid], outcome)
                if left >= 0:
                    row = _row(txid, told[txid], outcome, repeats.get(txid))
            rows.append(row)
        return rows


def _row(txid: bytes, told: Told, outcome: Outcome | None, first: int | None) -> Cbor:
    is_settled = told.settlement.body.verdict is Verdict.SETTLED
    return [
        txid,
        told.settlement.to_cbor(),
        first,
        [statement.to_cbor() for statement in told.statements],
        None if is_settled or told.evidence is None else codec.decode(told.evidence, 3 * MAX_OBJECT_BYTES),
        None if outcome is None else [_issued(outcome), outcome.value],
    ]


def _issued(outcome: Outcome) -> Cbor:
    return None if outcome.issuance is None else outcome.issuance.to_cbor()


def _size(told: Told, outcome: Outcome | None) -> int:
    """Bytes of a row at most."""
    signed = [told.settlement, *told.statements, outcome.issuance if outcome is not None else None]
    return _ROW_BYTES + len(told.evidence or b"") + sum(one.size() for one in signed if one is not None)


def _waiting(txid: bytes) -> Cbor:
    """No verdict yet, which is no verdict."""
    return [txid, None, None, [], None, None]
