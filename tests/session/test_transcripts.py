"""What was once said is said still: frozen bytes of whole exchanges, and sessions that go on from them."""

from __future__ import annotations

import json

import pytest

from tests.session.pairs import AMOUNT, Pair
from tests.session.transcripts import FOLDER, TRANSCRIPTS, kind, text
from wallet.protocol.directory import Directory
from wallet.protocol.receipt import check_answer
from wallet.protocol.request import check_request
from wallet.protocol.validity import verify
from wallet.session import PayeeState, PayerState, messages
from wallet.session.messages import PaymentMessage, ReceiptMessage, RequestMessage


def test_every_frozen_transcript_is_made_here() -> None:
    assert {path.stem for path in FOLDER.glob("session-*.json")} == set(TRANSCRIPTS)


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_the_bytes_are_the_frozen_ones(name: str) -> None:
    assert text(TRANSCRIPTS[name]()) == (FOLDER / f"{name}.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_the_frozen_objects_hold_by_themselves(name: str) -> None:
    """With nothing but the directory and root in the file, as another implementation would check them."""
    frozen = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    context = frozen["context"]
    directory = Directory.open(bytes.fromhex(context["directory"]), bytes.fromhex(context["root"]))
    request = paid = None
    for step in frozen["steps"]:
        if "hex" not in step:
            continue
        raw = bytes.fromhex(step["hex"])
        message = messages.decode(raw)
        assert (kind(raw), messages.encode(message)) == (step["kind"], raw)
        if isinstance(message, RequestMessage):
            request = message.request
            check_request(request, directory)
        elif isinstance(message, PaymentMessage):
            paid = verify(message.raw, directory)
        elif isinstance(message, ReceiptMessage):
            assert request is not None
            assert paid is not None
            check_answer(message.receipt, paid.received, request.body, directory)


def test_sessions_of_today_go_on_from_frozen_messages() -> None:
    frozen = json.loads((FOLDER / "session-accepted.json").read_text(encoding="utf-8"))
    said = [bytes.fromhex(step["hex"]) for step in frozen["steps"] if "hex" in step]
    request, payment, receipt = said[0], said[2], said[3]
    pair = Pair.of()
    pair.to_payee(payment)
    assert pair.payee.bytes_to_send() == receipt
    assert pair.payee.state is PayeeState.ACKNOWLEDGED
    pair.to_payer(request)
    pair.agree()
    pair.payer.bytes_to_send()
    pair.to_payer(receipt)
    assert pair.payer.state is PayerState.ACKNOWLEDGED
    assert pair.shop.money == AMOUNT
