"""The reader against cards that lie: only ``Refusal`` or a lost link, few exchanges, bounded memory, no harm left."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transport.nfc.partners import REF, SELECTED, Partner
from tests.transport.nfc.taps import Clock, Field
from wallet.protocol.codes import Code, Refusal
from wallet.transport.nfc import Card, LinkLost, TapEnd, Tapper, apdu, blocks
from wallet.transport.nfc.apdu import ResponseApdu, Sw
from wallet.transport.nfc.blocks import Have, Message, Nothing, Part, Pending
from wallet.transport.nfc.reader import KNOWN, Known, Memory, Pipe
from wallet.transport.nfc.tap import MAX_EXCHANGES

LONG = hashlib.shake_256(b"what the card says").digest(6_000)
MINE = hashlib.shake_256(b"what the reader says").digest(6_000)
PER_MESSAGE = 2 * (blocks.MAX_MESSAGE_BYTES // apdu.CHUNK + 3)
"""APDUs to hand over one message and take another, the longest of each."""


@dataclass
class Liar:
    """A card that answers SELECT as ours does, and everything else as it likes."""

    answers: Callable[[bytes], bytes]
    count: int = 0

    def transceive(self, command: bytes) -> bytes:
        self.count += 1
        return SELECTED if command == apdu.select() else self.answers(command)


def ok(data: bytes = b"") -> bytes:
    return ResponseApdu(data, Sw.OK).encode()


def said(answer: blocks.Answer, sw: int = Sw.OK) -> bytes:
    return ResponseApdu(blocks.write_answer(answer), sw).encode()


def outcome(link: Liar, partner: Partner, seconds: float = 1.0) -> TapEnd | Code:
    clock = Clock()
    tapper = Tapper(partner, clock.pause)
    try:
        return tapper.tap(link, clock.in_seconds(seconds))
    except Refusal as refusal:
        return refusal.code
    finally:
        memory = tapper._memory
        assert len(memory.begun[1]) <= blocks.MAX_MESSAGE_BYTES
        assert len(memory.known) <= KNOWN
        assert link.count <= 2 + (MAX_EXCHANGES + 1) * PER_MESSAGE


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "90",
        "9000",
        "6a82",
        "01f0009000",
        "02f000019000",
        "00f000019000",
        "01f000016100",
        "6d00",
        "ff" * 300,
    ],
)
def test_what_is_no_wallet_of_this_version(answer: str) -> None:
    class Stranger(Liar):
        def transceive(self, command: bytes) -> bytes:
            self.count += 1
            return bytes.fromhex(answer)

    assert outcome(Stranger(lambda command: b""), Partner()) is Code.NOT_A_WALLET


def test_unknown_capabilities_and_further_bytes_are_passed_over() -> None:
    memory = Memory()
    for raw in ("01f0fffe9000", "01f0fffeaabb9000", "01400001" + "9000"):
        Pipe(lambda command, raw=raw: bytes.fromhex(raw), memory).select()  # type: ignore[misc]


PART = Part(blocks.message_id(LONG), 6_000, 0, LONG[:227])
GARBLED = {
    "nothing at all": b"",
    "one byte": b"\x90",
    "no data": ok(),
    "another status": b"\x6f\x00",
    "no answer of ours": ok(b"\x01"),
    "an answer to STATUS": said(Have(5)),
    "nothing, and more of it": said(Nothing(), 0x6105),
    "pending, and more of it": said(Pending(), 0x6100),
    "a message from its middle": said(Message(Part(PART.id, 6_000, 1, b"aa")), 0x6100),
    "a message whose rest does not wait": said(Message(PART)),
    "a message with too little waiting": said(Message(PART), 0x61F0),
    "a whole message, and more of it": said(Message(Part(blocks.message_id(b"aa"), 2, 0, b"aa")), 0x6101),
    "a message that is not its id's": said(Message(Part(PART.id, 2, 0, b"aa"))),
}


@pytest.mark.parametrize("name", GARBLED)
def test_an_answer_that_is_none(name: str) -> None:
    partner = Partner()
    assert outcome(Liar(lambda command: GARBLED[name]), partner) is Code.LINK_GARBLED
    assert partner.heard == []


@pytest.mark.parametrize(
    "rest", [b"", bytes(1), bytes(239), bytes(241), bytes(300)], ids=lambda rest: f"{len(rest)} bytes"
)
def test_a_piece_that_is_not_what_was_asked_for(rest: bytes) -> None:
    def answers(command: bytes) -> bytes:
        if command[1] == 0xC3:
            return said(Message(PART), 0x6100)
        return ResponseApdu(rest, 0x6100).encode()

    link = Liar(answers)
    assert outcome(link, Partner()) is Code.LINK_GARBLED
    assert link.count == 3


def test_a_card_that_answers_amid_a_command() -> None:
    link = Liar(lambda command: ok(b"\x81"))
    assert outcome(link, Partner(says=MINE, introduces=True)) is Code.LINK_GARBLED
    assert link.count == 2


def test_a_card_that_never_decides() -> None:
    link = Liar(lambda command: said(Pending()))
    assert outcome(link, Partner(), seconds=5.0) is TapEnd.PERSON_THERE
    assert link.count <= 2 + 50


def test_a_card_that_always_has_something_new_to_say() -> None:
    """The longest messages, none twice, each fetched to its end."""

    class Talker(Partner):
        def current_message(self, ref: bytes) -> bytes:
            self.heard.append(b"")
            return hashlib.shake_256(len(self.heard).to_bytes(4, "big")).digest(blocks.MAX_MESSAGE_BYTES)

        def take(self, message: bytes) -> bytes:
            return self.current_message(b"")

    card = Card(Talker())
    card.answer(apdu.select())
    mine = iter(range(1_000))
    partner = Partner(replies=lambda message: next(mine).to_bytes(2, "big") * 30_000)
    assert outcome(Liar(card.answer), partner) is Code.LINK_GARBLED
    assert len(partner.heard) == MAX_EXCHANGES + 1


@given(st.randoms(use_true_random=False), st.booleans())
def test_random_answers_end_in_a_refusal_or_an_end(chance: random.Random, introduces: bool) -> None:
    honest = Card(Partner(says=LONG, replies=lambda message: LONG[::-1]))

    def answers(command: bytes) -> bytes:
        true = honest.answer(command)
        match chance.randrange(12):
            case 0:
                return chance.randbytes(chance.randrange(260))
            case 1:
                return true[:-2] + chance.choice((b"\x61\x00", b"\x61\x07", b"\x90\x00", b"\x6a\x80"))
            case 2:
                at = chance.randrange(len(true))
                return true[:at] + bytes([chance.randrange(256)]) + true[at + 1 :]
            case 3:
                return true[chance.randrange(len(true)) :]
            case 4:
                return said(chance.choice((Nothing(), Pending(), Have(9), Message(PART))))
            case 5 if chance.randrange(4) == 0:
                raise LinkLost
            case _:
                return true

    honest.answer(apdu.select())
    partner = Partner(says=MINE, introduces=introduces, replies=lambda message: MINE)
    end = outcome(Liar(answers), partner)
    # OTHER_WALLET is what a made-up NOTHING means.
    assert end in (*TapEnd, Code.LINK_GARBLED, Code.OTHER_WALLET)
    assert all(message in (LONG, LONG[::-1]) for message in partner.heard)


def test_a_liar_that_knows_an_id_does_not_spoil_the_true_message() -> None:
    """It begins the message with other bytes; the true card's, fetched on from there, would never fit its id."""
    memory, lie = Memory(), Part(PART.id, 6_000, 0, bytes(227))
    calls = iter([said(Message(lie), 0x6100), ResponseApdu(bytes(240), 0x6100).encode()])

    def answers(command: bytes) -> bytes:
        if command == apdu.select():
            return SELECTED
        answer = next(calls, None)
        if answer is None:
            raise LinkLost
        return answer

    def lied_to() -> None:
        pipe = Pipe(answers, memory)
        pipe.select()
        with pytest.raises(LinkLost):
            pipe.hello(REF)

    card = Card(Partner(says=LONG))
    lied_to()
    pipe = Pipe(card.answer, memory)
    pipe.select()
    with pytest.raises(Refusal) as refused:
        pipe.hello(REF)
    assert refused.value.code is Code.LINK_GARBLED
    pipe.select()
    assert pipe.hello(REF) == LONG


def test_only_the_last_messages_are_remembered() -> None:
    memory = Memory()
    for n in range(KNOWN + 3):
        memory.note(bytes([n]) * 500)
    card = Card(Partner(says=bytes([0]) * 500))
    pipe = Pipe(card.answer, memory)
    pipe.select()
    assert pipe.hello(REF) == bytes([0]) * 500
    card = Card(Partner(says=bytes([KNOWN]) * 500))
    pipe = Pipe(card.answer, memory)
    pipe.select()
    assert pipe.hello(REF) == Known()


def test_the_field_of_these_tests_counts_what_passes() -> None:
    field = Field(Card(Partner(says=LONG)))
    pipe = Pipe(field.transceive, Memory())
    pipe.select()
    assert pipe.hello(REF) == LONG
    assert field.count == len(field.log) == 1 + 1 + (6_000 - 227 + 239) // 240
