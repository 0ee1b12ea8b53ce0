"""A wallet that is a year old says what it does not know, and takes no harm from what it may pass over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.session.pairs import AMOUNT, Pair
from tests.support.world import Key
from wallet.protocol import codec
from wallet.protocol.attachments import Attachment
from wallet.protocol.codes import Code
from wallet.session import Payee, PayeeState, PayerState, messages
from wallet.session.events import MessageRefused
from wallet.session.messages import ProblemMessage, RequestMessage


def of_version(raw: bytes, typ: str, later: str) -> bytes:
    """The message with all objects of one kind in a version of the future."""
    return raw.replace(b"\x64" + typ.encode(), b"\x64" + later.encode())


@pytest.mark.parametrize(("typ", "later"), [("qrq1", "qrq2"), ("qwc1", "qwc2")])
def test_a_payer_names_the_version_that_it_does_not_read(typ: str, later: str) -> None:
    pair = Pair.of()
    pair.to_payer(of_version(pair.payee.bytes_to_send() or b"", typ, later))
    (told,) = pair.said_payer
    assert isinstance(told, MessageRefused)
    assert (told.code, told.facts) == (Code.VERSION_UNKNOWN, {"kind": later})
    assert pair.payer.state is PayerState.IDLE
    answer = messages.decode(pair.payer.reply() or b"")
    assert answer == ProblemMessage(Code.VERSION_UNKNOWN, {"kind": later})
    pair.run()
    assert pair.payer.state is PayerState.ACKNOWLEDGED


@pytest.mark.parametrize(("typ", "later"), [("qtr1", "qtr2"), ("qis1", "qis2"), ("qwc1", "qwc3")])
def test_a_payee_names_it_too_and_is_paid_by_what_it_reads(typ: str, later: str) -> None:
    pair = Pair.of()
    pair.ask()
    pair.agree()
    raw = pair.payer.bytes_to_send() or b""
    pair.to_payee(of_version(raw, typ, later))
    told = pair.said_payee[-1]
    assert isinstance(told, MessageRefused)
    assert (told.code, told.facts) == (Code.VERSION_UNKNOWN, {"kind": later})
    assert pair.payee.state is PayeeState.REQUESTING
    pair.to_payee(raw)
    pair.answer()
    assert pair.payer.state is PayerState.ACKNOWLEDGED


def test_attachments_of_the_future_go_with_a_request_and_a_payment_and_change_nothing() -> None:
    pair = Pair.of()
    later = (Attachment("qzz9", b"what nobody knows yet"), Attachment("qck2", Key.of("later").public))
    pair.payee = Payee(pair.shop.receiving, pair.request, later)
    pair.ask()
    assert pair.payer.contact is None
    pair.agree()
    message = messages.decode(pair.payer.bytes_to_send() or b"")
    assert isinstance(message, messages.PaymentMessage)
    raw = replace(message.payment, attachments=later).encode()
    pair.to_payee(messages.payment_message(raw))
    pair.answer()
    assert pair.payer.state is PayerState.ACKNOWLEDGED
    assert pair.payee.state in (PayeeState.STORED, PayeeState.ACKNOWLEDGED)
    assert sum(transfer.body.amount for transfer in message.payment.newest) == AMOUNT


def test_a_message_with_an_empty_field_of_attachments_is_none() -> None:
    pair = Pair.of()
    plain = codec.decode(messages.encode(RequestMessage(pair.request)), 1 << 16)
    pair.to_payer(codec.encode([*plain, []]))
    (told,) = pair.said_payer
    assert isinstance(told, MessageRefused)
    assert told.code is Code.MALFORMED
