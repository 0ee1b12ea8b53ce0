"""Payments that this purse makes, as rows: one payment is one intent, its states in one list.

reserved → signed → shown → acknowledged | refused, or reserved → dropped. What is signed is never taken back.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wallet.protocol import codec
from wallet.protocol.bounds import MAX_OBJECT_BYTES
from wallet.protocol.certificate import Certificate
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.request import Request
from wallet.protocol.transfer import Transfer
from wallet.purse.store.objects import Objects
from wallet.purse.store.store import Row, Store


class PaymentState(StrEnum):
    """RESERVED is the only one in which nothing is signed yet."""

    RESERVED = "reserved"
    SIGNED = "signed"
    SHOWN = "shown"
    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    DROPPED = "dropped"


PAYMENT_ID_BYTES: Final = 16
UNANSWERED: Final = (PaymentState.SIGNED, PaymentState.SHOWN)
OPEN: Final = (PaymentState.RESERVED, *UNANSWERED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentSummary:
    """``id`` 16 bytes; ``amount`` in tiyn; ``at`` when it was reserved, ``changed`` when its state last changed;
    ``code`` why the payee refused it; ``memo`` are the payee's words; ``told``: known from the ledger alone."""

    id: bytes
    request: bytes
    payee: Certificate
    memo: str
    amount: int
    state: PaymentState
    at: int
    changed: int
    code: Code | None
    told: bool = False


class Payments:
    """Reads payments; the writers are ``Paying`` and, of what was forgotten, ``Remembering``."""

    def __init__(self, store: Store, objects: Objects) -> None:
        self._store = store
        self._objects = objects

    def row(self, payment: bytes) -> Row:
        """PAYMENT_UNKNOWN."""
        found = self._store.row("SELECT * FROM payment WHERE id = ?", payment)
        if found is None:
            raise Refusal(Code.PAYMENT_UNKNOWN, {"payment": payment.hex()})
        return found

    def state(self, payment: bytes) -> PaymentState:
        return PaymentState(self.row(payment)["state"])

    def request(self, payment: bytes) -> Signed[Request]:
        found = self._objects.request(self.row(payment)["request"])
        if found is None:
            raise Refusal(Code.PAYMENT_UNKNOWN, {"payment": payment.hex()})
        return found

    def summary(self, payment: bytes) -> PaymentSummary:
        """PAYMENT_UNKNOWN."""
        row, request = self.row(payment), self.request(payment).body
        code = row["code"]
        return PaymentSummary(
            id=row["id"],
            request=row["request"],
            payee=request.payee.body,
            memo=request.memo,
            amount=row["amount"],
            state=PaymentState(row["state"]),
            at=row["at"],
            changed=row["changed"],
            code=None if code is None else Code(code),
            told=bool(row["told"]),
        )

    def is_decided(self, payment: bytes) -> bool:
        """Whether the ledger has a verdict on all of it: then it is the payee's, whether it was ever seen or not."""
        undecided: int = self._store.value(
            "SELECT count(*) FROM outgoing o LEFT JOIN answer a ON a.txid = o.txid"
            " WHERE o.payment = ? AND a.verdict IS NULL",
            payment,
        )
        return undecided == 0

    def reached(self, payment: bytes) -> tuple[int, int]:
        """Of a payment that the ledger has decided: tiyn that reached its payee, and that it was for."""
        rows = self._store.rows(
            "SELECT o.payload, a.settled FROM outgoing o JOIN answer a USING (txid) WHERE o.payment = ?",
            payment,
        )
        values = [codec.decode(row["settled"], 64) for row in rows]
        bodies = [Transfer.from_cbor(codec.decode(row["payload"], MAX_OBJECT_BYTES)) for row in rows]
        return sum(value[0] if value else 0 for value in values), sum(body.amount for body in bodies)

    def on_the_way(self) -> tuple[PaymentSummary, ...]:
        """Signed, without a receipt, and not decided by the ledger, oldest first."""
        return tuple(item for item in self.in_states(*UNANSWERED) if not self.is_decided(item.id))

    def answering(self, request_ref: bytes, *states: PaymentState) -> tuple[PaymentSummary, ...]:
        """Payments to one request, oldest first, in these states (or in any but dropped)."""
        wanted = states or tuple(state for state in PaymentState if state is not PaymentState.DROPPED)
        return tuple(item for item in self._summaries("request = ?", request_ref) if item.state in wanted)

    def in_states(self, *states: PaymentState) -> tuple[PaymentSummary, ...]:
        """Oldest first."""
        marks = ", ".join("?" * len(states))
        return self._summaries(f"state IN ({marks})", *states)

    def _summaries(self, condition: str, *values: object) -> tuple[PaymentSummary, ...]:
        rows = self._store.rows(f"SELECT id FROM payment WHERE {condition} ORDER BY at, id", *values)
        return tuple(self.summary(row["id"]) for row in rows)
