"""Whatever a stranger shows: a typed outcome, bounded memory, and the reception that runs goes on."""

from __future__ import annotations

import random
import sys
from itertools import islice
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wallet.transport.qr import base45
from wallet.transport.qr.frames import FrameEncoder, FrameReceiver, Limits, Outcome
from wallet.transport.qr.layout import MAX_TEXT, PREFIX, Frame, read_frame, write_frame

REJECTED = {Outcome.NOT_A_FRAME, Outcome.OTHER_VERSION, Outcome.DAMAGED, Outcome.OUT_OF_BOUNDS}
MESSAGE = random.Random(1).randbytes(6_050)


def sealed(body: bytes) -> str:
    return PREFIX + base45.encode(body + crc32(body).to_bytes(4, "big"))


def declared(length: int, chunk: bytes, seq: int = 0, message_id: bytes = bytes(8)) -> str:
    return write_frame(Frame(message_id, length, seq, chunk))


def frames_until_complete(receiver: FrameReceiver, encoder: FrameEncoder, between: list[list[str]]) -> int:
    """How many of the encoder's own frames it takes, with the texts of `between` in turn after each."""
    for number, text in enumerate(encoder.frames()):
        if receiver.add(text).outcome is Outcome.COMPLETE:
            return number + 1
        assert number < 1_000, "the reception was stopped"
        for foreign in between[number % len(between)]:
            receiver.add(foreign)
    raise AssertionError


@given(st.one_of(st.text(max_size=60), st.text(alphabet=base45.ALPHABET).map(PREFIX.__add__)))
def test_no_text_raises(text: str) -> None:
    progress = FrameReceiver().add(text)
    assert progress.outcome in REJECTED
    assert (progress.rank, progress.needed) == (0, 0)


@given(st.binary(max_size=400))
def test_no_sealed_bytes_raise(body: bytes) -> None:
    receiver = FrameReceiver()
    for _ in range(2):
        assert isinstance(receiver.add(sealed(body)).outcome, Outcome)


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("", Outcome.NOT_A_FRAME),
        ("https://example.org", Outcome.NOT_A_FRAME),
        ("qalta1:00", Outcome.NOT_A_FRAME),
        ("\ud800QALTA1:", Outcome.NOT_A_FRAME),
        ("QALTA2:00", Outcome.OTHER_VERSION),
        ("QALTA", Outcome.OTHER_VERSION),
        ("QALTA1", Outcome.OTHER_VERSION),
        (PREFIX, Outcome.DAMAGED),
        (PREFIX + "00", Outcome.DAMAGED),
        (PREFIX + "\u0660\u0661", Outcome.DAMAGED),
        (PREFIX + "0" * MAX_TEXT, Outcome.OUT_OF_BOUNDS),
        (sealed(bytes(13)), Outcome.DAMAGED),
        (declared(0, b"x"), Outcome.OUT_OF_BOUNDS),
        (declared(65_537, bytes(400)), Outcome.OUT_OF_BOUNDS),
        (declared(0xFFFFFF, bytes(2_800)), Outcome.OUT_OF_BOUNDS),
        (declared(1_025, b"x"), Outcome.OUT_OF_BOUNDS),
        (declared(1, b"xx"), Outcome.OUT_OF_BOUNDS),
        (declared(10, bytes(6)), Outcome.OUT_OF_BOUNDS),
        (declared(10, bytes(5)), Outcome.USEFUL),
    ],
)
def test_what_a_frame_declares_is_bounded(text: str, outcome: Outcome) -> None:
    assert FrameReceiver().add(text).outcome is outcome


def test_one_changed_character_is_damage() -> None:
    text = FrameEncoder(b"a message").frame(0)
    for at in range(len(PREFIX), len(text)):
        other = "A" if text[at] != "A" else "B"
        assert FrameReceiver().add(text[:at] + other + text[at + 1 :]).outcome is Outcome.DAMAGED


def test_own_limits_are_kept() -> None:
    receiver = FrameReceiver(Limits(message_bytes=1_000, chunks=4))
    assert receiver.add(FrameEncoder(bytes(1_001), 500).frame(0)).outcome is Outcome.OUT_OF_BOUNDS
    assert receiver.add(FrameEncoder(bytes(1_000), 200).frame(0)).outcome is Outcome.OUT_OF_BOUNDS
    assert receiver.add(FrameEncoder(bytes(1_000), 250).frame(0)).outcome is Outcome.USEFUL


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32), st.integers(1, 6))
def test_frames_of_other_messages_cost_nothing(seed: int, ratio: int) -> None:
    """Up to six foreign frames after each of ours: no frame of ours more than without them."""
    rng = random.Random(seed)
    encoder = FrameEncoder(MESSAGE)
    others = [FrameEncoder(rng.randbytes(rng.randint(400, 9_000))) for _ in range(3)]
    between = [
        [rng.choice(others).frame(rng.randrange(100)) for _ in range(ratio)]
        for _ in range(2 * encoder.chunk_count)
    ]
    receiver = FrameReceiver()
    assert frames_until_complete(receiver, encoder, between) == encoder.chunk_count
    assert receiver.message == MESSAGE


@pytest.mark.parametrize("rows_each", [1, 2])
def test_a_flood_of_messages_that_never_return_costs_nothing(rows_each: int) -> None:
    rng = random.Random(3)
    encoder = FrameEncoder(MESSAGE)
    between: list[list[str]] = []
    for _ in range(40):
        strangers = [FrameEncoder(rng.randbytes(40_000), 100) for _ in range(6 // rows_each)]
        between.append([stranger.frame(seq) for stranger in strangers for seq in range(rows_each)])
    receiver = FrameReceiver()
    assert frames_until_complete(receiver, encoder, between) == encoder.chunk_count


def test_an_unfinished_message_pins_nothing() -> None:
    """Receptions broken off near their end do not keep later ones out."""
    rng = random.Random(5)
    receiver = FrameReceiver()
    for _ in range(30):
        broken = FrameEncoder(rng.randbytes(9_000))
        for text in islice(broken.frames(), broken.chunk_count - 1):
            receiver.add(text)
    assert frames_until_complete(receiver, FrameEncoder(MESSAGE), [[]]) == FrameEncoder(MESSAGE).chunk_count


def test_short_messages_between_are_received_and_stop_nothing() -> None:
    encoder = FrameEncoder(MESSAGE)
    receiver = FrameReceiver()
    between = [[FrameEncoder(b"stranger %d" % number).frame(0)] for number in range(40)]
    assert frames_until_complete(receiver, encoder, between) == encoder.chunk_count
    assert receiver.message == MESSAGE


def test_progress_shown_is_of_one_message_and_turns_to_the_next() -> None:
    rng = random.Random(9)
    mine, other = FrameEncoder(rng.randbytes(9_000)), FrameEncoder(rng.randbytes(20_000))
    receiver = FrameReceiver()
    assert receiver.add(other.frame(0)).needed == other.chunk_count
    assert receiver.add(mine.frame(0)).outcome is Outcome.FOREIGN
    assert receiver.add(mine.frame(1)).needed == mine.chunk_count
    for seq in range(1, 9):
        assert receiver.add(other.frame(seq)).outcome is Outcome.FOREIGN
        progress = receiver.add(mine.frame(seq + 1))
        assert (progress.rank, progress.needed) == (seq + 2, mine.chunk_count)
    turned = [receiver.add(other.frame(seq)).needed for seq in range(9, 30)]
    assert turned[0] == mine.chunk_count
    assert turned[-1] == other.chunk_count


def forged(encoder: FrameEncoder, seq: int, rng: random.Random) -> str:
    """A frame of the same message, right in all but its contents."""
    frame = read_frame(encoder.frame(seq), Limits())
    return write_frame(Frame(frame.message_id, frame.length, frame.seq, rng.randbytes(len(frame.chunk))))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32), st.integers(2, 5))
def test_made_up_frames_of_the_same_message_are_left_out(seed: int, every: int) -> None:
    """One forgery after each `every` true frames costs about one more true frame each."""
    rng = random.Random(seed)
    encoder = FrameEncoder(MESSAGE)
    between = [
        [] if number % every else [forged(encoder, rng.randrange(200), rng)]
        for number in range(1, 25 * every)
    ]
    receiver = FrameReceiver()
    needed = frames_until_complete(receiver, encoder, between)
    assert needed <= 4 * encoder.chunk_count
    assert receiver.message == MESSAGE


def test_a_second_message_under_the_same_id_does_not_pin() -> None:
    """Forgeries that fit each other: a whole other message under our id, one frame after each two of ours."""
    rng = random.Random(11)
    encoder = FrameEncoder(MESSAGE)
    impostor = FrameEncoder(rng.randbytes(len(MESSAGE)))
    impostor._id = encoder._id
    between = [[], *[[impostor.frame(seq)] for seq in range(200)]]
    receiver = FrameReceiver()
    assert frames_until_complete(receiver, encoder, between) <= 6 * encoder.chunk_count
    assert receiver.message == MESSAGE


@pytest.mark.parametrize(("length", "chunk_size"), [(6_049, 391), (6_050, 390), (6_050, 50), (60_000, 391)])
def test_the_same_id_with_other_numbers_is_another_stream(length: int, chunk_size: int) -> None:
    encoder = FrameEncoder(MESSAGE)
    impostor = FrameEncoder(bytes(length), chunk_size)
    impostor._id = encoder._id
    between = [[impostor.frame(seq)] for seq in range(40)]
    receiver = FrameReceiver()
    assert frames_until_complete(receiver, encoder, between) == encoder.chunk_count


@pytest.mark.parametrize("length", [5, 700, 1_500, 2_150, 6_050])
def test_a_failed_hash_pins_nothing(length: int) -> None:
    """A message whose every frame was forged first arrives when the forger stops."""
    rng = random.Random(length)
    encoder = FrameEncoder(rng.randbytes(length))
    receiver = FrameReceiver()
    outcomes = {receiver.add(forged(encoder, seq, rng)).outcome for seq in range(300)}
    assert Outcome.SPOILED in outcomes
    assert Outcome.COMPLETE not in outcomes
    assert frames_until_complete(receiver, encoder, [[]]) <= 4 * encoder.chunk_count + 36


@pytest.mark.parametrize("length", [5, 700, 1_500])
def test_a_short_message_arrives_between_forgeries(length: int) -> None:
    """As many forgeries as true frames."""
    rng = random.Random(length)
    encoder = FrameEncoder(rng.randbytes(length))
    between = [[], *[[forged(encoder, rng.randrange(200), rng)] for _ in range(200)]]
    assert frames_until_complete(FrameReceiver(), encoder, between) <= 60


def test_memory_is_bounded() -> None:
    """20,000 frames of 20,000 messages, and the largest messages that fit, twice each."""
    rng = random.Random(13)
    receiver = FrameReceiver()
    for number in range(20_000):
        receiver.add(declared(65_536, rng.randbytes(64), number % 65_536, rng.randbytes(8)))
    for _ in range(30):
        message_id = rng.randbytes(8)
        for seq in range(40):
            receiver.add(declared(65_536, rng.randbytes(2_731), seq, message_id))
    limits = Limits()
    assert len(receiver._waiting) <= limits.waiting
    assert len(receiver._running) <= limits.running
    rows = [row for reception in receiver._running.values() for row in reception._solver._rows]
    assert sum(sys.getsizeof(payload) for _, payload in rows) < 3_000_000
