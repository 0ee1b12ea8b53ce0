"""What a bank answers about a transfer, read strictly: its verdict, the notary's words, the outcome.

The purse checks who signed it (``wallet.purse.sync.answers``) before it believes anything.
"""

from __future__ import annotations

from dataclasses import dataclass

from wallet.protocol import codec, cose
from wallet.protocol.bounds import ID_BYTES, MAX_INPUTS, MAX_SUM
from wallet.protocol.bundle import MAX_BUNDLE_ITEMS
from wallet.protocol.codec import Cbor
from wallet.protocol.cose import Signed
from wallet.protocol.evidence import Evidence
from wallet.protocol.issuance import Issuance
from wallet.protocol.settlement import Consumption, Settlement, read_consumption, read_settlement


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


def read_statuses(value: Cbor) -> tuple[ReportedStatus, ...]:
    """Rows as a bank gives them. MALFORMED and the codes of SPEC 8.1."""
    return tuple(_row(item) for item in codec.array(value, most=4 * MAX_BUNDLE_ITEMS))


def _row(value: Cbor) -> ReportedStatus:
    txid, settlement, first, consumptions, evidence, outcome = codec.array(value, 6)
    return ReportedStatus(
        codec.octets(txid, ID_BYTES),
        None if settlement is None else read_settlement(settlement),
        None if first is None else codec.moment(first),
        tuple(read_consumption(item) for item in codec.array(consumptions, most=MAX_INPUTS)),
        None if evidence is None else Evidence.from_cbor(evidence),
        None if outcome is None else read_outcome(outcome),
    )


def read_outcome(value: Cbor) -> Outcome:
    issuance, amount = codec.array(value, 2)
    return Outcome(
        None if issuance is None else cose.from_cbor(Issuance, issuance), codec.uint(amount, MAX_SUM)
    )
