"""The four messages of a payment: request, payment, receipt, problem. SPEC section 7.

Wire: ``[1, request]`` (and attachments where there are any), ``[2, payment]``, ``[3, receipt]``,
``[4, code, [[name, fact], ...]]``, deterministic CBOR of at most MAX_MESSAGE_BYTES. Only a problem is unsigned, so a
problem never changes anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from wallet.protocol import codec, cose
from wallet.protocol.attachments import Attachment, split, with_attachments
from wallet.protocol.bounds import (
    MAX_CODE_BYTES,
    MAX_MESSAGE_BYTES,
    MAX_NAME_BYTES,
    MAX_PAYMENT_BYTES,
    MAX_SUM,
)
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Fact, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.payment import Payment
from wallet.protocol.receipt import Receipt
from wallet.protocol.request import Request

MAX_FACTS: Final = 8
_REQUEST, _PAYMENT, _RECEIPT, _PROBLEM = 1, 2, 3, 4
_PAYMENT_HEAD: Final = b"\x82\x02"
"""An array of two whose first item is 2: what stands before the bytes of a payment."""


@dataclass(frozen=True, slots=True)
class RequestMessage:
    """What a payee asks for, and what stands beside it."""

    request: Signed[Request]
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class PaymentMessage:
    """``raw``: the encoded payment, as a purse signs and receives it; ``payment``: the same, read, not verified."""

    raw: bytes
    payment: Payment


@dataclass(frozen=True, slots=True)
class ReceiptMessage:
    """A payee's acceptance or final refusal."""

    receipt: Receipt


@dataclass(frozen=True, slots=True)
class ProblemMessage:
    """Why the other side could not go on. Unsigned: worth showing, never worth acting on."""

    code: Code
    facts: Mapping[str, Fact] = field(default_factory=dict)


Message = RequestMessage | PaymentMessage | ReceiptMessage | ProblemMessage


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Bytes that are no message, and why."""

    refusal: Refusal


Heard = Message | Unreadable
"""What came of the bytes that somebody sent. Whoever carries them reads them once, and passes on what was read."""

TELLABLE: Final = frozenset(
    {
        # what is wrong with the other side's own bytes
        Code.TOO_LARGE,
        Code.MALFORMED_CBOR,
        Code.NOT_CANONICAL,
        Code.MALFORMED,
        Code.TOO_MANY,
        Code.ALGORITHM_UNKNOWN,
        Code.KIND_UNEXPECTED,
        Code.VERSION_UNKNOWN,
        Code.AMOUNT_INVALID,
        Code.TIME_INVALID,
        Code.KEY_INVALID,
        Code.SIGNATURE_HIGH_S,
        Code.DUPLICATE_ITEM,
        Code.INPUTS_UNSORTED,
        Code.MESSAGE_UNEXPECTED,
        # who is unknown to us, and what is wrong with a signed object
        Code.BANK_UNKNOWN,
        Code.CERTIFICATE_SIGNATURE,
        Code.CERTIFICATE_MISSING,
        Code.ISSUANCE_SIGNATURE,
        Code.POLICY_SIGNATURE,
        Code.POLICY_GAP,
        Code.REQUEST_SIGNATURE,
        Code.RECEIPT_SIGNATURE,
        Code.PROVENANCE_MISSING,
        Code.OWNER_MIXED,
        Code.CURRENCY_MIXED,
        Code.MARK_MIXED,
        Code.TRANSFER_SIGNATURE,
        Code.VALUE_MISMATCH,
        Code.SELF_PAYMENT,
        Code.HOP_LIMIT,
        Code.TIME_BEFORE_INPUTS,
        Code.TIME_BEFORE_CERTIFICATE,
        Code.TOKEN_EXPIRED,
        Code.CERTIFICATE_EXPIRED,
        Code.REDEMPTION_KEY,
        Code.REDEMPTION_AMOUNTS,
        Code.UNNEEDED_ITEM,
        Code.REQUEST_UNKNOWN,
        Code.REQUEST_EXPIRED,
        Code.PAYEE_OTHER,
        Code.CURRENCY_OTHER,
        Code.MARK_UNKNOWN,
        Code.TIME_AHEAD,
        Code.POLICY_TOO_FAR,
        Code.DECLINED,
    }
)
"""Codes about the other side's own objects. Any other says something about our purse: a stranger hears DECLINED."""


def problem_of(refusal: Refusal) -> ProblemMessage:
    """Problem message for a stranger about ``refusal``: its own code where that is about the other side's bytes,
    DECLINED otherwise."""
    if refusal.code not in TELLABLE:
        return ProblemMessage(Code.DECLINED)
    told = {name: _cut(fact) for name, fact in sorted(refusal.facts.items())[:MAX_FACTS] if _fits(name, fact)}
    return ProblemMessage(refusal.code, told)


def _fits(name: str, fact: Fact) -> bool:
    return 1 <= len(name.encode()) <= MAX_CODE_BYTES and (isinstance(fact, str) or 0 <= fact <= MAX_SUM)


def _cut(fact: Fact) -> Fact:
    if isinstance(fact, int):
        return fact
    return fact.encode()[:MAX_NAME_BYTES].decode(errors="ignore")


def payment_message(raw: bytes) -> bytes:
    """The message that carries the encoded payment ``raw``."""
    return _PAYMENT_HEAD + raw


def encode(message: Message) -> bytes:
    """The bytes of one message. Raises ``Refusal``: TOO_LARGE, for what no other wallet would read."""
    match message:
        case RequestMessage(request, attachments):
            raw = codec.encode(with_attachments([_REQUEST, request.to_cbor()], attachments))
        case PaymentMessage(raw_payment, _):
            raw = payment_message(raw_payment)
        case ReceiptMessage(receipt):
            raw = codec.encode([_RECEIPT, receipt.to_cbor()])
        case ProblemMessage(code, facts):
            raw = codec.encode([_PROBLEM, code.value, [[name, facts[name]] for name in sorted(facts)]])
    require(len(raw) <= MAX_MESSAGE_BYTES, Code.TOO_LARGE, bytes=len(raw), limit=MAX_MESSAGE_BYTES)
    return raw


def decode(raw: bytes) -> Message:
    """Read one message. Signatures are not checked here.

    Raises ``Refusal``: the codes of SPEC 8.1, and what reading the object inside gives.
    """
    parts = codec.array(codec.decode(raw, MAX_MESSAGE_BYTES), least=2)
    kind = codec.uint(parts[0], _PROBLEM)
    if kind == _REQUEST:
        fields, attachments = split(parts, 2)
        return RequestMessage(cose.from_cbor(Request, fields[1]), attachments)
    codec.array(parts, 3 if kind == _PROBLEM else 2)
    if kind == _PAYMENT:
        size = len(raw) - len(_PAYMENT_HEAD)
        require(size <= MAX_PAYMENT_BYTES, Code.TOO_LARGE, bytes=size, limit=MAX_PAYMENT_BYTES)
        return PaymentMessage(raw[len(_PAYMENT_HEAD) :], Payment.from_cbor(parts[1]))
    if kind == _RECEIPT:
        return ReceiptMessage(Receipt.from_cbor(parts[1]))
    require(kind == _PROBLEM, Code.MALFORMED)
    return _problem(parts[1], parts[2])


def read_message(heard: bytes | Heard) -> Heard:
    """The message in bytes from anybody, as ``decode`` reads it; what was read already, as it is."""
    if not isinstance(heard, bytes):
        return heard
    try:
        return decode(heard)
    except Refusal as refusal:
        return Unreadable(refusal)


def _problem(code: Cbor, facts: Cbor) -> ProblemMessage:
    try:
        known = Code(codec.text(code, MAX_CODE_BYTES, least=1))
    except ValueError as error:
        raise Refusal(Code.MALFORMED) from error
    pairs = [_fact(item) for item in codec.array(facts, most=MAX_FACTS)]
    names = [name for name, _ in pairs]
    require(names == sorted(set(names)), Code.MALFORMED)
    return ProblemMessage(known, dict(pairs))


def _fact(item: Cbor) -> tuple[str, Fact]:
    name, fact = codec.array(item, 2)
    told: Fact = codec.text(fact, MAX_NAME_BYTES) if type(fact) is str else codec.uint(fact, MAX_SUM)
    return codec.text(name, MAX_CODE_BYTES, least=1), told
