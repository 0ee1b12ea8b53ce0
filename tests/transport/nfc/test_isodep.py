"""The card's block machine: the standard's rules one by one, then against nfcpy's own reader with losses."""

from __future__ import annotations

import nfc.clf
import nfc.tag
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transport.nfc.radio import Air, Fate, RadioCard, reader
from wallet.transport.nfc import apdu
from wallet.transport.nfc.isodep import (
    ATS,
    EXTENSION,
    FRAME_SIZES,
    FRAME_WAITING_TIME,
    MAX_COMMAND,
    Command,
    Deselected,
    Granted,
    Parameters,
    Picc,
    Send,
    Silent,
    is_rats,
    read_rats,
)

COMMANDS = st.binary(min_size=1, max_size=MAX_COMMAND)


def is_no_block(raw: bytes) -> bool:
    """By the first byte alone: neither an I-block, an R-block, S(DESELECT) nor S(WTX). 7.1.1.1"""
    return raw[0] & 0xE2 != 0x02 and raw[0] & 0xE6 != 0xA2 and raw[0] & 0xC7 != 0xC2


NOISE = st.binary(min_size=1, max_size=20).filter(is_no_block)


def picc(frame: int = 256, cid: int | None = 0) -> Picc:
    return Picc(Parameters(frame, cid))


def hexed(*blocks: str) -> list[bytes]:
    return [bytes.fromhex(block) for block in blocks]


# activation


def test_what_the_answer_to_select_says_is_what_the_machine_does() -> None:
    length, form, rates, waiting, options = ATS
    assert length == len(ATS)
    assert (form & 0x70, FRAME_SIZES[form & 0x0F]) == (0x70, 256)
    assert rates == 0x80, "106 kbit/s both ways, and no other"
    assert 4096 / 13.56e6 * 2 ** (waiting >> 4) == FRAME_WAITING_TIME
    assert options == 0x02, "CID, no NAD"
    assert 0 < EXTENSION < 60


@pytest.mark.parametrize(
    ("raw", "frame", "cid"),
    [("e080", 256, 0), ("e051", 64, 1), ("e00e", 16, 14), ("e0f0", 256, 0), ("e08f", 256, 0)],
)
def test_rats(raw: str, frame: int, cid: int) -> None:
    assert is_rats(bytes.fromhex(raw))
    assert read_rats(bytes.fromhex(raw)) == Parameters(frame, cid)


@pytest.mark.parametrize("raw", ["", "e0", "e08000", "0280", "c2"])
def test_no_rats(raw: str) -> None:
    assert not is_rats(bytes.fromhex(raw))


# block numbers and chaining


def test_numbers_begin_at_0_and_toggle() -> None:
    card = picc()
    for number in (0, 1, 0):
        assert card.receive(bytes([0x02 | number]) + b"ask") == Command(b"ask")
        assert card.answer(b"tell") == bytes([0x02 | number]) + b"tell"


def test_a_block_that_was_had_is_neither_carried_out_again_nor_answered() -> None:
    card = picc()
    assert card.receive(b"\x03ask") == Silent(), "the first number is 0"
    card.receive(b"\x02ask")
    card.answer(b"tell")
    assert card.receive(b"\x02ask") == Silent()
    assert card.receive(b"\xb2") == Send(b"\x02tell")


def test_a_chained_command() -> None:
    card = picc()
    assert card.receive(b"\x12one ") == Send(b"\xa2")
    assert card.receive(b"\x13two ") == Send(b"\xa3")
    assert card.receive(b"\x13two ") == Silent()
    assert card.receive(b"\x02three") == Command(b"one two three")


def test_a_chained_answer() -> None:
    card = picc(16)
    card.receive(b"\x02?")
    answer = bytes(range(30))
    assert card.answer(answer) == b"\x12" + answer[:13]
    assert card.receive(b"\xa3") == Send(b"\x13" + answer[13:26])
    assert card.receive(b"\xa3") == Send(b"\x13" + answer[13:26]), "our number: the last block again"
    assert card.receive(b"\xa2") == Send(b"\x02" + answer[26:])
    assert card.receive(b"\xa3") == Silent(), "nothing is left to chain"
    assert card.receive(b"\x03?") == Command(b"?")


def test_a_new_command_ends_a_chain() -> None:
    card = picc(16)
    card.receive(b"\x02?")
    card.answer(bytes(30))
    assert card.receive(b"\x03!") == Command(b"!")
    assert card.answer(b"yes") == b"\x03yes"
    assert card.receive(b"\xa2") == Silent()


def test_a_negative_acknowledgement() -> None:
    card = picc()
    assert card.receive(b"\xb2") == Send(b"\xa3"), "of a block that never came: send it again"
    assert card.receive(b"\xb3") == Silent(), "there is nothing to repeat yet"
    card.receive(b"\x02?")
    assert card.receive(b"\xb2") == Silent(), "the answer is not there yet"
    card.answer(b"yes")
    assert card.receive(b"\xb2") == Send(b"\x02yes")
    assert card.receive(b"\xb3") == Send(b"\xa2")


def test_an_empty_block_is_answered_by_one() -> None:
    assert picc().receive(b"\x02") == Send(b"\x02")


@given(st.lists(st.binary(max_size=250), min_size=1, max_size=12))
def test_a_command_beyond_any_apdu_is_cut_and_reads_as_none(pieces: list[bytes]) -> None:
    card = picc()
    for at, piece in enumerate([*pieces, bytes(250), bytes(250)]):
        assert card.receive(bytes([0x12 | at % 2]) + piece) == Send(bytes([0xA2 | at % 2]))
    command = card.receive(bytes([0x02 | len(pieces) % 2]))
    assert isinstance(command, Command)
    assert len(command.apdu) == MAX_COMMAND + 1
    with pytest.raises(apdu.ApduError, match="WRONG_LENGTH"):
        apdu.read_command(command.apdu)


# time, addresses, the end


def test_more_time() -> None:
    card = picc()
    asked = bytes([0xF2, EXTENSION])
    assert card.receive(asked) == Silent(), "nobody has asked"
    card.receive(b"\x02?")
    assert card.extend() == asked
    assert card.receive(b"\xb2") == Send(asked)
    assert card.receive(b"\xb3") == Silent()
    assert card.receive(b"\x03!") == Silent(), "a block out of turn"
    assert card.receive(bytes([0xF2, EXTENSION + 1])) == Silent()
    assert card.receive(asked) == Granted()
    assert card.receive(asked) == Silent()
    assert card.extend() == asked
    assert card.receive(asked) == Granted()
    assert card.answer(b"yes") == b"\x02yes"
    assert card.receive(b"\xb2") == Send(b"\x02yes")


def test_deselected_at_any_time() -> None:
    for before in hexed("", "023f", "123f"):
        card = picc()
        card.receive(before)
        assert card.receive(b"\xc2") == Deselected(b"\xc2")
        assert card.receive(b"\xc2\x00") != Deselected(b"\xc2")


def test_a_card_with_a_number_answers_with_it_and_to_it_alone() -> None:
    card = picc(16, cid=3)
    assert card.receive(b"\x02?") == Silent()
    assert card.receive(b"\x0a\x04?") == Silent()
    assert card.receive(b"\x0a") == Silent()
    assert card.receive(b"\x0a\x03?") == Command(b"?")
    answer = bytes(range(20))
    assert card.answer(answer) == b"\x1a\x03" + answer[:12]
    assert card.receive(b"\xab\x03") == Send(b"\x0b\x03" + answer[12:])
    assert card.receive(b"\xca\x03") == Deselected(b"\xca\x03")


def test_card_0_answers_as_it_is_asked_and_an_unknown_number_is_ours() -> None:
    assert picc(cid=0).receive(b"\x0a\x00") == Send(b"\x0a\x00")
    assert picc(cid=0).receive(b"\x02") == Send(b"\x02")
    assert picc(cid=None).receive(b"\x0a\x05") == Send(b"\x0a\x05")
    assert picc(cid=None).receive(b"\x02") == Send(b"\x02")


@pytest.mark.parametrize(
    "raw",
    hexed("", "0600aa", "1600aa", "22aa", "2628", "26", "52", "e080", "d01100", "a200", "f2", "c3", "ff"),
)
def test_what_fits_no_rule_is_not_answered(raw: bytes) -> None:
    card = picc()
    assert card.receive(raw) == Silent()
    assert card.receive(b"\x02ask") == Command(b"ask")


@given(st.lists(st.binary(max_size=8), max_size=60), st.sampled_from([None, 0, 3]), st.integers(0, 3))
def test_garbage_raises_nothing_and_answers_fit_the_frame(
    blocks: list[bytes], cid: int | None, slow: int
) -> None:
    card = RadioCard(lambda _: bytes(40), Parameters(16, cid), slow)
    for block in blocks:
        answer = card(block)
        assert answer is None or 1 <= len(answer) <= 14
    assert all(1 <= len(heard) <= MAX_COMMAND + 1 for heard in card.heard)


@given(st.lists(COMMANDS, min_size=1, max_size=4), st.lists(NOISE, min_size=1))
def test_noise_between_blocks_changes_nothing(talk: list[bytes], noise: list[bytes]) -> None:
    card = RadioCard(lambda heard: heard[::-1], Parameters(64, 0))

    def noisy(block: bytes) -> bytes | None:
        assert [card(piece) for piece in noise] == [None] * len(noise)
        return card(block)

    pcd = reader(Air(noisy), 64)
    assert [pcd.exchange(command) for command in talk] == [command[::-1] for command in talk]


# against nfcpy's reader


@given(
    st.lists(st.tuples(COMMANDS, st.binary(max_size=600)), min_size=1, max_size=5),
    st.sampled_from(FRAME_SIZES),
    st.sampled_from(FRAME_SIZES),
    st.integers(0, 2),
)
def test_nfcpy_gets_every_answer_at_any_frame_size(
    talk: list[tuple[bytes, bytes]], to_card: int, to_reader: int, slow: int
) -> None:
    answers = iter([answer for _, answer in talk])
    card = RadioCard(lambda _: next(answers), Parameters(to_reader, 0), slow)
    air = Air(card)
    pcd = reader(air, to_card)
    assert [pcd.exchange(command) for command, _ in talk] == [answer for _, answer in talk]
    assert card.heard == [command for command, _ in talk]
    assert all(len(answer or b"") <= to_reader - 2 for _, answer in air.blocks)


@given(
    st.lists(st.tuples(COMMANDS, st.binary(max_size=200)), min_size=1, max_size=4),
    st.lists(
        st.tuples(st.integers(4, 9), st.sampled_from(list(Fate)), st.sampled_from(list(Fate))), max_size=12
    ),
    st.sampled_from([16, 64, 256]),
)
def test_nfcpy_recovers_from_what_is_lost_garbled_or_doubled(
    talk: list[tuple[bytes, bytes]], troubles: list[tuple[int, Fate, Fate]], frame: int
) -> None:
    """Up to two in a row: nfcpy gives a block three more tries."""
    fates = [fate for gap, one, two in troubles for fate in (one, two, *[Fate.ARRIVES] * gap)]
    answers = iter([answer for _, answer in talk])
    card = RadioCard(lambda _: next(answers), Parameters(frame, 0))
    pcd = reader(Air(card, fates), frame)
    assert [pcd.exchange(command) for command, _ in talk] == [answer for _, answer in talk]
    assert card.heard == [command for command, _ in talk]


@given(
    st.lists(COMMANDS, min_size=1, max_size=4),
    st.lists(st.sampled_from(list(Fate)), max_size=60),
    st.integers(0, 2),
)
def test_whatever_is_lost_no_command_is_carried_out_twice_and_no_answer_is_wrong(
    talk: list[bytes], fates: list[Fate], slow: int
) -> None:
    card = RadioCard(lambda heard: heard[::-1], Parameters(32, 0), slow)
    pcd = reader(Air(card, fates), 32)
    for at, command in enumerate(talk):
        try:
            assert pcd.exchange(command) == command[::-1]
        except (nfc.clf.CommunicationError, nfc.tag.TagCommandError):
            assert card.heard in (talk[:at], talk[: at + 1])
            return
    assert card.heard == talk
