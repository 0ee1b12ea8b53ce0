"""Answers: one row for each transfer, the same for ever once there is a verdict.

`[txid, verdict | null, first answered | null, [consumption, ...], evidence | null, outcome | null]`, where a verdict is
a settlement; or, where all of a leaf are in the answer, that leaf in the first of their rows, and in the others the
number of that row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from ledger_sync.bank.context import BankContext
from ledger_sync.bank.ports.redemptions import Outcome
from ledger_sync.bank.ports.settlements import Told
from ledger_sync.bank.ports.shares import uploader_of_customer
from ledger_sync.bank.redemption.redemptions import Redemptions
from ledger_sync.bank.settlement.alone import SignedAlone
from ledger_sync.bank.settlement.verdicts import Verdicts
from wallet.protocol import codec
from wallet.protocol.batch import together, whole_leaves
from wallet.protocol.bounds import MAX_OBJECT_BYTES
from wallet.protocol.codec import Cbor
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import Settlement, Verdict

_ROW_BYTES: Final = 128
"""Of a row, besides what is signed or evidence."""


class TransferStatuses:
    """Reads verdicts and all that goes with them."""

    def __init__(
        self, context: BankContext, redemptions: Redemptions, alone: SignedAlone, most_bytes: int
    ) -> None:
        """``most_bytes``: of rows in one answer."""
        self._most_bytes = most_bytes
        self._settlements = context.storage.settlements
        self._verdicts = Verdicts(context)
        self._alone = alone
        self._redemptions = redemptions

    def known(self, txids: Iterable[bytes]) -> Mapping[bytes, int]:
        """When each of these got its verdict (unix seconds), where it has one."""
        return self._settlements.answered(tuple(txids))

    def rows_for(self, account: str, txids: Iterable[bytes], reads: frozenset[str]) -> list[Cbor]:
        """As `rows`: an answer only about transfers that ``account`` uploaded or that are listed for it."""
        asked = tuple(txids)
        concerning = self._settlements.concerning(asked, uploader_of_customer(account), account)
        return self._rows(asked, concerning, reads, {}, {})

    def rows(
        self,
        txids: Iterable[bytes],
        reads: frozenset[str],
        repeats: Mapping[bytes, int] | None = None,
        at_hand: Mapping[bytes, Told] | None = None,
    ) -> list[Cbor]:
        """A row for each, in kinds that the caller ``reads``; those in ``repeats`` say when they were first answered,
        and of those ``at_hand``, which are payments, what can be told is not looked up. What does not fit into one
        answer, or can't be had in them now, is given as waiting, to be asked for again. READER_OUTDATED, BUSY."""
        asked = tuple(txids)
        return self._rows(asked, asked, reads, repeats or {}, at_hand or {})

    def _rows(
        self,
        asked: Sequence[bytes],
        answered: Collection[bytes],
        reads: frozenset[str],
        repeats: Mapping[bytes, int],
        at_hand: Mapping[bytes, Told],
    ) -> list[Cbor]:
        rest = [txid for txid in answered if txid not in at_hand]
        told = {**at_hand, **(self._settlements.told(rest) if rest else {})}
        told = dict(self._alone.read_by(self._verdicts.read_by(told, reads), reads))
        outcomes = self._redemptions.outcomes([txid for txid in rest if txid in told]) if rest else {}
        left = self._most_bytes
        fitting: list[Told | None] = []
        for txid in asked:
            one = told.get(txid)
            left -= 0 if one is None else _size(one, outcomes.get(txid))
            fitting.append(one if left >= 0 else None)
        verdicts = _shown([None if one is None else one.settlement for one in fitting])
        return [
            _waiting(txid) if one is None else _row(txid, verdict, one, outcomes.get(txid), repeats.get(txid))
            for txid, verdict, one in zip(asked, verdicts, fitting, strict=True)
        ]


def _shown(settlements: Sequence[Signed[Settlement] | None]) -> list[Cbor]:
    """Each as its row has it."""
    shown: dict[int, Cbor] = {}
    for rows in whole_leaves(settlements):
        first = min(rows)
        shown |= dict.fromkeys(rows, first)
        shown[first] = together([one for row in rows if (one := settlements[row]) is not None])
    return [shown[row] if row in shown else one and one.to_cbor() for row, one in enumerate(settlements)]


def _row(txid: bytes, verdict: Cbor, told: Told, outcome: Outcome | None, first: int | None) -> Cbor:
    is_settled = told.settlement.body.verdict is Verdict.SETTLED
    return [
        txid,
        verdict,
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
