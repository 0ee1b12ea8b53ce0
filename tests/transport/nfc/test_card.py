"""The card: every status of SPEC section 2 in its order, bounded memory, and a stranger who can stop nobody."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transport.nfc.partners import REF, SELECTED, Partner, fetch
from tests.transport.nfc.strange import AFTER_SELECT, BEFORE_SELECT
from wallet.transport.nfc import Card, apdu, blocks
from wallet.transport.nfc.apdu import CommandApdu
from wallet.transport.nfc.blocks import Get, Have, Hello, Message, Nothing, Part, Pending, Put, Status
from wallet.transport.nfc.card import KEPT

SELECT = apdu.select()
LONG = hashlib.shake_256(b"a long message").digest(6_000)
OTHER_AID = CommandApdu(0, 0xA4, 4, 0, bytes.fromhex("d2760000850101"), 256).encode()


def envelope(data: bytes, *, more: bool = False, expected: int | None = 256) -> bytes:
    return CommandApdu(0x10 if more else 0, 0xC3, 0, 0, data, None if more else expected).encode()


def ask(card: Card, command: blocks.Command) -> blocks.Answer:
    return blocks.read_answer(fetch(card.answer, blocks.write_command(command)))


def whole(card: Card, message: bytes) -> blocks.Answer:
    return ask(card, Put(blocks.part_of(message)))


def selected(partner: Partner | None = None) -> Card:
    card = Card(partner or Partner())
    assert card.answer(SELECT) == SELECTED
    return card


def held(card: Card) -> int:
    """Bytes that the card keeps for strangers."""
    chain = card._chain or b""
    return sum(map(len, card._parts.values())) + len(chain) + len(card._answer) + len(card._said)


@pytest.mark.parametrize("name", AFTER_SELECT)
def test_the_status_of_a_strangers_command(name: str) -> None:
    command, status = AFTER_SELECT[name]
    assert selected().answer(bytes.fromhex(command)).hex() == status


@pytest.mark.parametrize("name", BEFORE_SELECT)
def test_the_order_of_checks_before_select(name: str) -> None:
    command, status = BEFORE_SELECT[name]
    assert Card(Partner()).answer(bytes.fromhex(command)).hex() == status


def test_another_application_takes_the_card_away_and_select_brings_it_back() -> None:
    card = selected(Partner(says=b"asked for"))
    assert card.answer(OTHER_AID).hex() == "6a82"
    assert card.answer(envelope(b"\x01")).hex() == "6985"
    assert card.answer(SELECT) == SELECTED
    assert ask(card, Hello(REF)) == Message(blocks.part_of(b"asked for"))


def test_more_bytes_than_were_announced() -> None:
    card = selected()
    head = blocks.write_command(Put(Part(b"someones", 300, 0, bytes(200))))
    assert card.answer(envelope(head, more=True)).hex() == "9000"
    assert card.answer(envelope(bytes(101), more=True)).hex() == "6a84"
    assert ask(card, Status(b"someones")) == Have(0)


def test_a_chain_is_for_put_alone() -> None:
    card = selected()
    assert card.answer(envelope(b"\x01", more=True)).hex() == "9000"
    assert card.answer(envelope(REF)).hex() == "6700"
    assert ask(card, Hello()) == Nothing()


def test_an_error_ends_the_chain_and_leaves_the_answer() -> None:
    card = selected(Partner(says=LONG))
    first = card.answer(envelope(blocks.write_command(Hello())))
    assert (
        card.answer(envelope(blocks.write_command(Put(Part(b"someones", 9, 0, b""))), more=True)).hex()
        == "9000"
    )
    assert card.answer(b"\x00\xb0\x00\x00").hex() == "6d00"
    assert card.answer(envelope(b"\x05")).hex() == "6a80"
    rest = card.answer(apdu.get_response(240))
    assert (first[:-2] + rest[:-2])[blocks.HEAD_BYTES :] == LONG[: 480 - blocks.HEAD_BYTES]


def test_an_answer_in_pieces_says_how_many_bytes_wait() -> None:
    message = bytes(range(256)) * 2
    card = selected(Partner(says=message))
    size = len(message) + blocks.HEAD_BYTES
    answer = card.answer(envelope(b"\x01", expected=None))
    assert answer.hex() == "6100"
    got = b""
    for count in (1, 100, 240, 256):
        answer = card.answer(apdu.get_response(count))
        got += answer[:-2]
        left = size - len(got)
        assert len(answer) - 2 == min(count, 240, left + len(answer) - 2)
        assert answer[-2:].hex() == ("9000" if not left else f"61{left if left < 256 else 0:02x}")
    assert got[blocks.HEAD_BYTES :] == message
    assert card.answer(apdu.get_response(1)).hex() == "6985"


def test_a_new_tap_forgets_the_chain_and_the_answer_and_nothing_else() -> None:
    partner = Partner(says=LONG)
    card = selected(partner)
    assert card.answer(envelope(b"\x01"))[-2:].hex() == "6100"
    pieces = apdu.envelopes(blocks.write_command(Put(blocks.part_of(LONG))))
    for piece in pieces[:5]:
        card.answer(piece)
    card.answer(SELECT)
    assert card.answer(apdu.get_response(240)).hex() == "6985"
    had = 5 * apdu.CHUNK - blocks.HEAD_BYTES
    identifier = blocks.message_id(LONG)
    assert ask(card, Status(identifier)) == Have(had)
    assert ask(card, Get(identifier, 5_000)) == Message(blocks.part_of(LONG, 5_000))
    assert ask(card, Put(blocks.part_of(LONG, had))) == Nothing()
    assert partner.heard == [LONG]
    assert ask(card, Status(identifier)) == Have(0)


@pytest.mark.parametrize("offset", [5_999, 0, 239])
def test_get_gives_again_what_was_said_last_and_nothing_else(offset: int) -> None:
    card = selected(Partner(says=LONG))
    assert ask(card, Get(blocks.message_id(LONG), offset)) == Nothing()
    ask(card, Hello())
    assert ask(card, Get(blocks.message_id(LONG), offset)) == Message(blocks.part_of(LONG, offset))
    assert ask(card, Get(blocks.message_id(LONG), 6_000)) == Nothing()
    assert ask(card, Get(b"elsewise", 0)) == Nothing()


def test_a_message_begun_anew_or_from_earlier_on() -> None:
    partner = Partner()
    card = selected(partner)
    identifier = blocks.message_id(LONG)
    for end in (1_000, 500):
        head = blocks.write_command(Put(Part(identifier, 6_000, 0, LONG[:200])))
        card.answer(envelope(head, more=True))
        for at in range(200, end, 100):
            card.answer(envelope(LONG[at : at + 100], more=True))
        card.answer(b"")
        assert ask(card, Status(identifier)) == Have(end)
    assert ask(card, Put(blocks.part_of(LONG, 250))) == Nothing()
    assert partner.heard == [LONG]


def test_only_the_messages_begun_last_are_kept() -> None:
    card = selected()
    names = [bytes([n]) * 8 for n in range(KEPT + 1)]
    for name in names:
        card.answer(envelope(blocks.write_command(Put(Part(name, 65_535, 0, bytes(200)))), more=True))
        card.answer(b"")
    assert [ask(card, Status(name)) for name in names] == [Have(0), *[Have(200)] * KEPT]


def test_a_length_is_judged_before_its_bytes_are_kept() -> None:
    """The most that two announced messages may take is all that a stranger gets, however long it goes on."""
    card = selected()
    for n in range(6):
        head = blocks.write_command(Put(Part(bytes([n]) * 8, 65_535, 0, bytes(200))))
        card.answer(envelope(head, more=True))
        taken = 0
        while (status := card.answer(envelope(bytes(240), more=True)).hex()) == "9000":
            taken += 240
        assert (status, taken) == ("6a84", (65_535 - 200) // 240 * 240)
        assert held(card) <= KEPT * blocks.MAX_MESSAGE_BYTES


def test_a_wallet_that_says_too_much_says_nothing() -> None:
    card = selected(Partner(says=bytes(blocks.MAX_MESSAGE_BYTES + 1)))
    assert card.answer(envelope(b"\x01")).hex() == "6f00"
    card = selected(Partner(says=b""))
    assert card.answer(envelope(b"\x01")).hex() == "6f00"


def test_a_wallet_that_fails_leaves_the_card_as_it_was() -> None:
    class Broken(Partner):
        def take(self, message: bytes) -> Pending:
            if not self.heard:
                self.heard.append(message)
                raise OSError
            return Pending()

    card = selected(Broken())
    *chain, last = apdu.envelopes(blocks.write_command(Put(blocks.part_of(LONG))))
    for piece in chain:
        card.answer(piece)
    with pytest.raises(OSError):
        card.answer(last)
    assert whole(card, LONG) == Pending()


STRANGE = st.one_of(
    st.binary(max_size=300),
    st.sampled_from(
        [SELECT, OTHER_AID, envelope(b"\x01"), apdu.get_response(240), b"\x10\xc3\x00\x00\x01\x02"]
    ),
    st.builds(
        lambda command, cut, more: envelope(
            blocks.write_command(command)[: cut or None][:255] or b"\x02", more=more
        ),
        st.one_of(
            st.builds(
                lambda name, total, offset, size: Put(Part(name * 8, total, offset, bytes(size))),
                st.sampled_from([b"a", b"b", b"c"]),
                st.integers(0, 65_535),
                st.integers(0, 300),
                st.integers(0, 230),
            ),
            st.just(Status(b"a" * 8)),
            st.builds(Get, st.just(blocks.message_id(LONG)), st.integers(0, 65_535)),
            st.just(Hello(REF)),
        ),
        st.integers(0, 20),
        st.booleans(),
    ),
    st.builds(lambda size: envelope(bytes(size), more=True), st.integers(1, 240)),
)


@given(st.lists(STRANGE, max_size=40))
def test_whatever_a_stranger_sends_the_honest_exchange_afterwards_works(commands: list[bytes]) -> None:
    partner = Partner(says=LONG)
    card = Card(partner)
    for command in commands:
        answer = card.answer(command)
        assert 2 <= len(answer) <= apdu.CHUNK + 2
        assert held(card) <= KEPT * blocks.MAX_MESSAGE_BYTES + 2 * len(LONG) + 300
    heard = len(partner.heard)
    assert card.answer(SELECT) == SELECTED
    assert ask(card, Hello(REF)) == Message(blocks.part_of(LONG))
    assert whole(card, LONG) == Nothing()
    assert partner.heard[heard:] == [LONG]
