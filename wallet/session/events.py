"""What a session tells its caller. Codes and facts; the sentences that people read live in the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wallet.protocol.codes import Code, Fact
from wallet.protocol.receipt import Receipt
from wallet.session.payer_table import Money
from wallet.session.ports import Consideration, PaymentSummary, Received


@dataclass(frozen=True, slots=True)
class MessageRefused:
    """Refusal of what the other side sent, wrong or out of turn; a two-way carrier tells it so. Nothing has
    changed."""

    code: Code
    facts: Mapping[str, Fact]


@dataclass(frozen=True, slots=True)
class PeerProblem:
    """Problem that the other side reports. Unsigned: show it, and let a person decide."""

    code: Code
    facts: Mapping[str, Fact]


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A message of an earlier exchange."""


@dataclass(frozen=True, slots=True)
class ConfirmationNeeded:
    """Ask the person (and their PIN), then ``confirm(amount)`` or ``decline()``."""

    consideration: Consideration


@dataclass(frozen=True, slots=True)
class AlreadyPaid:
    """A printed code with payments that have no receipt: ``show_again(id)``, ``pay_anew()`` or ``decline()``?"""

    consideration: Consideration


@dataclass(frozen=True, slots=True)
class SignatureNeeded:
    """An intent that was never signed: ``confirm`` its amount to sign the same bytes, or ``decline()`` to drop it."""

    payment: PaymentSummary


@dataclass(frozen=True, slots=True)
class PaymentFound:
    """The purse has a payment for this request already; it is taken up where it was."""

    payment: PaymentSummary


@dataclass(frozen=True, slots=True)
class PaymentReady:
    """Signed and on disk: ``bytes_to_send`` has it."""

    payment_id: bytes


@dataclass(frozen=True, slots=True)
class PaymentAcknowledged:
    """The payee has the money and says so."""

    payment_id: bytes
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class PaymentReturned:
    """The payee refused, finally, after the signature: the money comes back through the ledger. ``code``: why."""

    payment_id: bytes
    code: Code
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class PaymentDropped:
    """Given up before anything was signed: DECLINED, REQUEST_EXPIRED, or why the purse gave it up itself."""

    code: Code


@dataclass(frozen=True, slots=True)
class PurseRefused:
    """The payer's own purse said no; ``money`` is where the money is now."""

    code: Code
    facts: Mapping[str, Fact]
    money: Money


PayerEvent = (
    ConfirmationNeeded
    | AlreadyPaid
    | SignatureNeeded
    | PaymentFound
    | PaymentReady
    | PaymentAcknowledged
    | PaymentReturned
    | PaymentDropped
    | PurseRefused
    | MessageRefused
    | PeerProblem
    | PassedOver
)


@dataclass(frozen=True, slots=True)
class PaymentReceived:
    """New money, verified and on disk. ``request_ref``: which request (16 bytes) it answers."""

    received: Received
    request_ref: bytes


@dataclass(frozen=True, slots=True)
class PaymentRepeated:
    """Nothing new: answered before, at ``received.repeat_of``, as it is answered now."""

    received: Received
    request_ref: bytes


@dataclass(frozen=True, slots=True)
class PaymentRefused:
    """Valid, and refused, finally: kept outside the balance, on its way back to the payer."""

    received: Received
    request_ref: bytes


@dataclass(frozen=True, slots=True)
class RequestExpired:
    """Nobody paid in time. What was signed in time is still received."""


@dataclass(frozen=True, slots=True)
class RequestCancelled:
    """No longer asked for. What was signed already is still received."""


PayeeEvent = (
    PaymentReceived
    | PaymentRepeated
    | PaymentRefused
    | RequestExpired
    | RequestCancelled
    | MessageRefused
    | PeerProblem
)
