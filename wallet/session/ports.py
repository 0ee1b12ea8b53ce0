"""What a session needs of a purse: the named transitions, and nothing about how money is kept.

Rule: every verb that changes something returns only when the change is durable, and doing it again is harmless.
Verbs raise ``Refusal`` when the purse says no; any other exception means that the outcome is not known, and the
session stays in the state that says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from wallet.protocol.codes import Code
from wallet.protocol.cose import Signed
from wallet.protocol.payment import Payment
from wallet.protocol.receipt import Receipt
from wallet.protocol.request import Request
from wallet.protocol.validity import Token


class PaymentSummary(Protocol):
    """A payment as the purse knows it. ``state`` is one of ``PayerState``'s values from reserved on."""

    @property
    def id(self) -> bytes:
        """16 bytes, the purse's own name for the payment."""

    @property
    def state(self) -> str: ...

    @property
    def amount(self) -> int:
        """Tiyn."""

    @property
    def at(self) -> int:
        """When it was reserved, unix seconds."""


class Consideration(Protocol):
    """Preview of a payment, as a session shows it to a person; ``amount`` None where they state it, up to the
    ``ceiling`` (tiyn)."""

    @property
    def request(self) -> Signed[Request]: ...

    @property
    def amount(self) -> int | None: ...

    @property
    def ceiling(self) -> int | None: ...

    @property
    def payment(self) -> bytes | None:
        """The payment that this request has already and that is gone on with: a nonce request's one, if not
        dropped; a printed one's intent that was never signed."""

    @property
    def earlier(self) -> Sequence[PaymentSummary]:
        """Payments to the same printed code that were signed and have no receipt."""

    @property
    def alike(self) -> Sequence[PaymentSummary]:
        """As much for the same payee by another request, signed, and answered by nobody: to be warned of."""


class PayerPurse(Protocol):
    """``wallet.paying``, as far as a session uses it."""

    def consider(self, request: Signed[Request]) -> Consideration:
        """Every check that can be made before the PIN. Changes nothing."""

    def reserve(
        self,
        request: Signed[Request],
        amount: int,
        *,
        allow_second: bool = False,
        contact: bytes | None = None,
    ) -> bytes:
        """The intent on disk and the record advanced; the payment's id. A nonce request never gets a second.
        ``contact``: the key that signed beside the request."""

    def sign(self, payment: bytes) -> bytes:
        """The encoded payment, signed and on disk. Again: the same bytes."""

    def shown(self, payment: bytes) -> None:
        """Note that the bytes are about to leave."""

    def show_again(self, payment: bytes) -> bytes:
        """The encoded payment of anything that was ever signed."""

    def transfers(self, payment: bytes) -> tuple[bytes, ...]:
        """Ids of the transfers of a payment, in the order in which a receipt names them."""

    def acknowledge(self, payment: bytes, receipt: Receipt) -> str:
        """Keep a receipt that is by the payee and for this payment; the payment's state after it."""

    def drop(self, payment: bytes) -> None:
        """Give up an intent that was never signed."""

    def summary(self, payment: bytes) -> PaymentSummary:
        """PAYMENT_UNKNOWN if there is none."""

    def request(self, payment: bytes) -> Signed[Request]:
        """The request that it answers. PAYMENT_UNKNOWN."""


class Received(Protocol):
    """The answer to a payment: kept before it is given."""

    @property
    def receipt(self) -> Receipt: ...

    @property
    def amount(self) -> int:
        """Tiyn."""

    @property
    def tokens(self) -> tuple[Token, ...]:
        """Tokens that the payment brought, whether it was accepted or not."""

    @property
    def repeat_of(self) -> int | None:
        """Unix seconds of the first time, if this is a repeat."""

    @property
    def code(self) -> Code | None:
        """Why it was refused, finally; None when accepted."""


class PayeePurse(Protocol):
    """``wallet.receiving``, as far as a session uses it."""

    def receive(self, payment: Payment) -> Received:
        """Verify, judge and keep a payment to any of our requests. A repeat: the first answer."""

    def answered(self, request: Signed[Request]) -> Received | None:
        """Last answer to a payment of this request; None if nothing came yet."""
