"""What a bank answers about transfers, read strictly: verdicts, the notary's words, outcomes.

The purse checks who signed it (``wallet.purse.sync.answers``) before it believes anything.
"""

from __future__ import annotations

from dataclasses import dataclass

from wallet.protocol import codec, cose
from wallet.protocol.batch import read_together
from wallet.protocol.bounds import ID_BYTES, MAX_INPUTS, MAX_SUM
from wallet.protocol.bundle import MAX_BUNDLE_ITEMS
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.evidence import Evidence
from wallet.protocol.issuance import Issuance
from wallet.protocol.settlement import SETTLEMENTS, Consumption, Settlement, read_consumption


@dataclass(frozen=True, slots=True)
class Outcome:
    """End of a redemption: new tokens (None when there was nothing left), and the settled tiyn."""

    issuance: Signed[Issuance] | None
    value: int


@dataclass(frozen=True, slots=True)
class ReportedStatus:
    """One transfer. ``settlement`` None: waiting, which is no verdict. ``first_answered`` (unix seconds) is set
    when the bank has answered the same before."""

    transfer: bytes
    settlement: Signed[Settlement] | None
    first_answered: int | None
    consumptions: tuple[Signed[Consumption], ...]
    evidence: Evidence | None
    outcome: Outcome | None


_Leaves = dict[int, tuple[Signed[Settlement], ...]]
"""What stands in leaves, by the rows that these came in."""


def read_statuses(value: Cbor) -> tuple[ReportedStatus, ...]:
    """Rows as a bank gives them. MALFORMED and the codes of SPEC 8.1."""
    leaves: _Leaves = {}
    rows = codec.array(value, most=4 * MAX_BUNDLE_ITEMS)
    return tuple(_row(number, item, leaves) for number, item in enumerate(rows))


def _row(number: int, value: Cbor, leaves: _Leaves) -> ReportedStatus:
    txid, verdict, first, consumptions, evidence, outcome = codec.array(value, 6)
    codec.octets(txid, ID_BYTES)
    return ReportedStatus(
        txid,
        None if verdict is None else _settlement(number, txid, verdict, leaves),
        None if first is None else codec.moment(first),
        tuple(read_consumption(item) for item in codec.array(consumptions, most=MAX_INPUTS)),
        None if evidence is None else Evidence.from_cbor(evidence),
        None if outcome is None else read_outcome(outcome),
    )


def _settlement(number: int, txid: bytes, value: Cbor, leaves: _Leaves) -> Signed[Settlement]:
    """The verdict in the row of this number, on ``txid``: alone, in a leaf, or in the leaf of an earlier row."""
    if type(value) is list:
        leaves[number] = read_together(SETTLEMENTS, value)
        if len(leaves[number]) == 1:
            return leaves[number][0]
        value = number
    for settlement in leaves.get(codec.uint(value, number), ()):
        if settlement.body.transfer == txid:
            return settlement
    raise Refusal(Code.MALFORMED)


def read_outcome(value: Cbor) -> Outcome:
    issuance, amount = codec.array(value, 2)
    return Outcome(
        None if issuance is None else cose.from_cbor(Issuance, issuance), codec.uint(amount, MAX_SUM)
    )
