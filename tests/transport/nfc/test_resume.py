"""A torn message goes on where it was: bytes counted, on cards that keep, that forget and that lie."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from tests.transport.nfc.partners import REF, Partner
from tests.transport.nfc.taps import Clock, Cut, Field, uncut
from wallet.protocol.codes import Code, Refusal
from wallet.transport.nfc import Card, LinkLost, TapEnd, Tapper, apdu, blocks
from wallet.transport.nfc.blocks import Have, Message, Put, Status
from wallet.transport.nfc.reader import Known, Memory, Pipe

LONG = hashlib.shake_256(b"a long one").digest(6_000)
ASKED = hashlib.shake_256(b"a request").digest(400)
WHOLE = 1 + (6_000 + blocks.HEAD_BYTES + 239) // 240
"""APDUs: SELECT, and all of a long message."""


def at(number: int, when: str) -> Cut:
    return lambda n: when if n == number else None


def talk(card: Card, memory: Memory, act: Callable[[Pipe], object], cut: Cut = uncut) -> tuple[Field, object]:
    """One tap: what passed, and what ``act`` gave; None if it was torn."""
    field = Field(card, cut)
    pipe = Pipe(field.transceive, memory)
    try:
        pipe.select()
        return field, act(pipe)
    except LinkLost:
        return field, None


def data_sent(field: Field) -> int:
    """Bytes in the ENVELOPEs that reached the card."""
    commands = [apdu.read_command(command) for command, answer in field.log]
    return sum(len(command.data) for command in commands if command.ins == apdu.Ins.ENVELOPE)


def data_got(field: Field) -> int:
    return sum(len(answer) - 2 for _, answer in field.log[1:] if answer is not None)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(1, WHOLE))
def test_a_message_torn_on_its_way_out_goes_on_from_there(number: int, when: str) -> None:
    partner, memory = Partner(), Memory()
    card = Card(partner)
    talk(card, memory, lambda pipe: pipe.put(LONG), at(number, when))
    arrived = number - 1 if when == "before" else number
    kept = 0 if arrived == WHOLE - 1 else max(0, arrived * 240 - blocks.HEAD_BYTES)
    field, _ = talk(card, memory, lambda pipe: pipe.put(LONG))
    assert data_sent(field) == 9 + blocks.HEAD_BYTES + 6_000 - kept
    assert partner.heard == [LONG] * (2 if arrived == WHOLE - 1 else 1)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(1, WHOLE))
def test_a_message_torn_on_its_way_in_goes_on_from_there(number: int, when: str) -> None:
    memory, card = Memory(), Card(Partner(says=LONG))
    torn, _ = talk(card, memory, lambda pipe: pipe.hello(REF), at(number, when))
    kept = max(0, data_got(torn) - blocks.HEAD_BYTES)
    field, reply = talk(card, memory, lambda pipe: pipe.hello(REF))
    assert reply == LONG
    # The first answer brings its 227 bytes again; only what is missing beyond is fetched.
    again = 240 + blocks.HEAD_BYTES if kept > 227 else blocks.HEAD_BYTES
    assert data_got(field) == again + 6_000 - (kept if kept > 227 else 0)


def test_a_message_that_is_known_is_not_fetched_again() -> None:
    memory, card = Memory(), Card(Partner(says=LONG))
    talk(card, memory, lambda pipe: memory.note(pipe.hello(REF)))  # type: ignore[arg-type]
    field, reply = talk(card, memory, lambda pipe: pipe.hello(REF))
    assert (reply, field.count) == (Known(), 2)


def test_a_short_message_is_heard_whenever_it_is_said() -> None:
    """Nothing is saved by passing over what came whole, and a problem told twice is shown twice."""
    memory, card = Memory(), Card(Partner(says=b"a problem"))
    for _ in range(2):
        _, reply = talk(card, memory, lambda pipe: memory.note(pipe.hello(REF)) or pipe.hello(REF))  # type: ignore[arg-type]
        assert reply == b"a problem"


def test_a_wallet_that_could_do_nothing_with_a_message_hears_it_again() -> None:
    clock, payer = Clock(), Partner(ref=b"")
    tapper = Tapper(payer, clock.pause)
    card = Card(Partner(says=ASKED))
    for times in (1, 2):
        assert tapper.tap(Field(card), clock.in_seconds(1)) is TapEnd.NOTHING_THERE
        assert payer.heard == [ASKED] * times
    payer.waits_for_person = True
    for _ in range(2):
        assert tapper.tap(Field(card), clock.in_seconds(1)) is TapEnd.PERSON_HERE
        assert payer.heard == [ASKED] * 3


@pytest.mark.parametrize("number", [3, 10, WHOLE - 1])
def test_a_card_that_forgot_gets_and_gives_all_of_it(number: int) -> None:
    """As a phone's does whose process was killed."""
    memory = Memory()
    talk(Card(Partner()), memory, lambda pipe: pipe.put(LONG), at(number, "after"))
    partner = Partner(says=LONG[::-1])
    talk(Card(partner), memory, lambda pipe: pipe.put(LONG))
    assert partner.heard == [LONG]
    talk(Card(partner), memory, lambda pipe: pipe.hello(REF), at(number, "after"))
    assert talk(Card(partner), memory, lambda pipe: pipe.hello(REF))[1] == LONG[::-1]


def test_a_card_without_resuming_is_never_asked_to() -> None:
    class Plain(Card):
        def answer(self, raw: bytes) -> bytes:
            answer = super().answer(raw)
            return bytes.fromhex("01f000009000") if raw == apdu.select() else answer

    partner, memory = Partner(says=LONG), Memory()
    card = Plain(partner)
    for act in (lambda pipe: pipe.put(LONG), lambda pipe: pipe.hello(REF)):
        talk(card, memory, act, at(9, "after"))
        field, _ = talk(card, memory, act)
        assert field.count >= WHOLE
        kinds = {apdu.read_command(raw).data[:1] for raw, _ in field.log}
        assert not kinds & {b"\x03", b"\x04"}


@pytest.mark.parametrize("count", [0, 1, 5_999, 6_000, 65_535])
def test_a_card_that_lies_about_what_it_has(count: int) -> None:
    """It does itself the harm: whatever it says, the reader sends at least the last byte, and nothing out of bounds."""
    memory, sent = Memory(), []

    def answers(command: bytes) -> bytes:
        if command == apdu.select():
            return bytes.fromhex("01f000019000")
        read = apdu.read_command(command)
        sent.append(read.data)
        if read.data[:1] == b"\x03":
            return blocks.write_answer(Have(count)) + b"\x90\x00"
        raise LinkLost

    for _ in range(2):
        pipe = Pipe(answers, memory)
        pipe.select()
        with pytest.raises(LinkLost):
            pipe.put(LONG)
    status, put = sent[-2:]
    assert blocks.read_command(status) == Status(blocks.message_id(LONG))
    begun = blocks.read_command(put)
    assert isinstance(begun, Put)
    assert begun.part.offset == min(count, 5_999)


def test_a_card_that_gives_another_rest_than_it_was_asked_for() -> None:
    memory, card = Memory(), Card(Partner(says=LONG))
    talk(card, memory, lambda pipe: pipe.hello(REF), at(9, "after"))

    def answers(command: bytes) -> bytes:
        if apdu.read_command(command).data[:1] == b"\x04":
            return blocks.write_answer(Message(blocks.part_of(LONG[::-1], 5_900))) + b"\x90\x00"
        return card.answer(command)

    pipe = Pipe(answers, memory)
    pipe.select()
    with pytest.raises(Refusal) as refused:
        pipe.hello(REF)
    assert refused.value.code is Code.LINK_GARBLED


def test_a_card_that_forgot_between_saying_and_giving_is_asked_anew() -> None:
    memory, partner = Memory(), Partner(says=LONG)
    card = Card(partner)
    talk(card, memory, lambda pipe: pipe.hello(REF), at(9, "after"))

    def forgets(command: bytes) -> bytes:
        if apdu.read_command(command).data[:1] == bytes([0x04]):
            card._said = b""
        return card.answer(command)

    pipe = Pipe(forgets, memory)
    pipe.select()
    with pytest.raises(Refusal) as refused:
        pipe.hello(REF)
    assert refused.value.code is Code.LINK_GARBLED
    assert talk(card, memory, lambda pipe: pipe.hello(REF))[1] == LONG
