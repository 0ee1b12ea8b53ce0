"""The APDUs of taps are the frozen ones: made anew, replayed to today's card, and answered to today's reader."""

from __future__ import annotations

from typing import Any

import pytest

from tests.session.holders import MemoryPlace
from tests.session.transcripts import FOLDER, kind, text
from tests.transport.nfc.aged import PAID, aged_pair
from tests.transport.nfc.edges import Sayer
from tests.transport.nfc.partners import Partner
from tests.transport.nfc.taps import Taps
from tests.transport.nfc.transcripts import ANSWER_LOST, COMMAND_LOST, ONE_POLL, PAYMENTS, TRANSCRIPTS, frozen
from wallet.protocol.directory import Directory
from wallet.protocol.receipt import check_answer
from wallet.protocol.request import check_request
from wallet.protocol.validity import verify
from wallet.session import messages
from wallet.session.messages import PaymentMessage, ReceiptMessage, RequestMessage
from wallet.transport.nfc import Card, LinkLost, TapEnd, apdu

HOPS = {"apdu-payer-reads": 1, "apdu-payee-reads": 1, "apdu-fifteen-hops": 15}
Step = dict[str, Any]


def test_every_frozen_transcript_is_made_here() -> None:
    assert {path.stem for path in FOLDER.glob("apdu-*.json")} == set(TRANSCRIPTS)


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_the_bytes_are_the_frozen_ones(name: str) -> None:
    assert text(TRANSCRIPTS[name]()) == (FOLDER / f"{name}.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("case", frozen("apdu-card")["cards"], ids=lambda case: case["note"])
def test_a_card_answers_at_the_edges_of_its_page(case: dict[str, Any]) -> None:
    card = Card(Sayer())
    for step in case["steps"]:
        assert card.answer(bytes.fromhex(step["command"])).hex() == step["answer"]


def taps_of(name: str) -> tuple[Taps, list[Step]]:
    transcript = frozen(name)
    pair = aged_pair(MemoryPlace(), HOPS.get(name, 3))
    return Taps(pair, payer_reads=transcript["reader"] == "payer"), transcript["steps"]


@pytest.mark.parametrize("name", PAYMENTS)
def test_todays_card_answers_the_frozen_commands(name: str) -> None:
    taps, steps = taps_of(name)
    for step in steps:
        if "command" not in step:
            # The other side's person, if it is the reader's: the card hears only what follows from it.
            taps.hear()
            taps.agree()
            continue
        if step.get("torn") == COMMAND_LOST:
            continue
        answer = taps.card.answer(bytes.fromhex(step["command"]))
        assert step.get("torn") == ANSWER_LOST or answer.hex() == step["answer"]
    payer_is_card = not taps.payer_reads
    state = taps.payer.session.state if payer_is_card else taps.payee.session.state
    assert state.value == "acknowledged"
    assert payer_is_card or taps.pair.shop.money == PAID


class Replayed:
    """A card that gives the frozen answers, and wants the frozen commands."""

    def __init__(self, steps: list[Step]) -> None:
        self.steps = steps

    def transceive(self, command: bytes) -> bytes:
        step = self.steps.pop(0)
        assert command.hex() == step["command"]
        if "torn" in step:
            raise LinkLost
        return bytes.fromhex(step["answer"])


@pytest.mark.parametrize("name", PAYMENTS)
def test_todays_reader_says_the_frozen_commands_to_the_frozen_answers(name: str) -> None:
    taps, steps = taps_of(name)
    link = Replayed(steps)
    end = None
    while steps:
        if "command" not in steps[0]:
            assert steps.pop(0)["payer"] == "confirms"
            taps.agree()
            continue
        end = taps.tapper.tap(link, taps.clock.in_seconds(ONE_POLL))
        taps.hear()
    assert end is TapEnd.OVER
    state = taps.payer.session.state if taps.payer_reads else taps.payee.session.state
    assert state.value == "acknowledged"


@pytest.mark.parametrize("name", PAYMENTS)
def test_the_frozen_messages_hold_by_themselves(name: str) -> None:
    """With nothing but the directory and root in the file; and the tiyn are those that were asked for."""
    transcript = frozen(name)
    context = transcript["context"]
    directory = Directory.open(bytes.fromhex(context["directory"]), bytes.fromhex(context["root"]))
    said = [messages.decode(bytes.fromhex(item["hex"])) for item in transcript["messages"]]
    assert [kind(bytes.fromhex(item["hex"])) for item in transcript["messages"]] == [
        item["kind"] for item in transcript["messages"]
    ]
    request, payment, receipt = said
    assert isinstance(request, RequestMessage)
    assert isinstance(payment, PaymentMessage)
    assert isinstance(receipt, ReceiptMessage)
    check_request(request.request, directory)
    paid = verify(payment.raw, directory)
    check_answer(receipt.receipt, paid.received, request.request.body, directory)
    assert sum(token.amount for token in paid.received) == transcript["ends"]["received"] == PAID


@pytest.mark.parametrize("name", PAYMENTS)
def test_what_the_transcripts_are_about(name: str) -> None:
    steps = [step for step in frozen(name)["steps"] if "command" in step]
    commands = {apdu.read_command(bytes.fromhex(step["command"])).data[:1] for step in steps}
    is_torn = name.endswith("torn")
    assert any("torn" in step for step in steps) is is_torn
    assert (b"\x03" in commands) is is_torn
    assert (b"\x04" in commands) is (name == "apdu-payee-reads-torn")
    assert len(steps) > 25 or name != "apdu-fifteen-hops"


def test_the_statuses_of_a_strangers_commands() -> None:
    rows = frozen("apdu-strangers")["invalid"]
    assert len(rows) > 30
    for row in rows:
        card = Card(Partner())
        for command in row["after"]:
            card.answer(bytes.fromhex(command))
        assert card.answer(bytes.fromhex(row["command"])).hex() == row["status"], row["note"]
