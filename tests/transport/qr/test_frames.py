"""A message arrives through any loss, order, repetition and late start; all its frames are of one size."""

from __future__ import annotations

import random
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wallet.transport.qr.base45 import ALPHABET
from wallet.transport.qr.frames import (
    DEFAULT_CHUNK,
    MAX_MESSAGE_BYTES,
    SLOW_CHUNK,
    FrameEncoder,
    FrameReceiver,
    Outcome,
)
from wallet.transport.qr.layout import MAX_CHUNK_BYTES, MAX_TEXT

messages = st.binary(min_size=1, max_size=3000)
chunk_sizes = st.integers(8, 700)


def deliver(texts: list[str]) -> bytes | None:
    receiver = FrameReceiver()
    for text in texts:
        receiver.add(text)
    return receiver.message


@given(messages, chunk_sizes)
def test_one_pass_of_frames_is_the_message(message: bytes, chunk_size: int) -> None:
    encoder = FrameEncoder(message, chunk_size)
    assert encoder.chunk_count == -(-len(message) // chunk_size)
    assert deliver(list(islice(encoder.frames(), encoder.chunk_count))) == message


@settings(deadline=None)
@given(messages, chunk_sizes, st.randoms(use_true_random=False), st.floats(0, 0.9), st.integers(0, 65_000))
def test_any_loss_order_repetition_and_late_start(
    message: bytes, chunk_size: int, rng: random.Random, loss: float, start: int
) -> None:
    encoder = FrameEncoder(message, chunk_size)
    receiver = FrameReceiver()
    seq = start
    last: list[str] = []
    rank = 0
    while receiver.message is None:
        if rng.random() >= loss:
            last.append(encoder.frame(seq % 65_536))
        seq += 1
        if len(last) < 5:
            continue
        last += rng.choices(last, k=3)
        rng.shuffle(last)
        for text in last:
            progress = receiver.add(text)
            assert rank <= progress.rank <= progress.needed == encoder.chunk_count
            assert progress.complete == (progress.rank == progress.needed)
            rank = progress.rank
        last = []
    assert receiver.message == message


@pytest.mark.parametrize("length", [1, 2, 390, DEFAULT_CHUNK, DEFAULT_CHUNK + 1, 6_050, MAX_MESSAGE_BYTES])
@pytest.mark.parametrize("chunk_size", [SLOW_CHUNK, DEFAULT_CHUNK, MAX_CHUNK_BYTES])
def test_frames_of_one_message_are_equally_long(length: int, chunk_size: int) -> None:
    encoder = FrameEncoder(random.Random(length).randbytes(length), chunk_size)
    texts = [encoder.frame(seq) for seq in (0, encoder.chunk_count - 1, encoder.chunk_count, 65_535)]
    assert len({len(text) for text in texts}) == 1
    assert len(texts[0]) <= MAX_TEXT
    assert set("".join(texts)) <= set(ALPHABET)


def test_a_default_frame_fills_a_version_13_code() -> None:
    assert len(FrameEncoder(bytes(DEFAULT_CHUNK)).frame(0)) == 619
    assert len(FrameEncoder(bytes(SLOW_CHUNK), SLOW_CHUNK).frame(0)) == 279


def test_a_short_message_is_one_picture_for_ever() -> None:
    encoder = FrameEncoder(b"short")
    assert set(islice(encoder.frames(), 50)) == {encoder.frame(0)}
    assert all(deliver([encoder.frame(seq)]) == b"short" for seq in (0, 1, 7, 65_535))


def test_the_row_of_frames_never_ends() -> None:
    encoder = FrameEncoder(bytes(range(17)), 1)
    texts = list(islice(encoder.frames(last=29), 65))
    assert texts == [encoder.frame(number % 30) for number in range(65)]


@settings(deadline=None)
@given(st.binary(min_size=2, max_size=16), st.integers(0, 60))
def test_of_few_chunks_any_run_of_frames_is_enough(message: bytes, start: int) -> None:
    encoder = FrameEncoder(message, 1)
    receiver = FrameReceiver()
    run = islice(encoder.frames(), start, start + encoder.chunk_count)
    assert [receiver.add(text).rank for text in run] == list(range(1, encoder.chunk_count + 1))
    assert receiver.message == message


@pytest.mark.parametrize(
    ("length", "chunk_size"),
    [(0, 400), (MAX_MESSAGE_BYTES + 1, 400), (10, 0), (10, -1), (10, MAX_CHUNK_BYTES + 1), (1025, 1)],
)
def test_the_encoder_refuses_what_no_receiver_takes(length: int, chunk_size: int) -> None:
    with pytest.raises(ValueError):
        FrameEncoder(bytes(length), chunk_size)


@pytest.mark.parametrize("seq", [-1, 65_536])
def test_a_sequence_number_has_two_bytes(seq: int) -> None:
    with pytest.raises(ValueError):
        FrameEncoder(b"x").frame(seq)


def test_several_messages_one_after_the_other() -> None:
    rng = random.Random(7)
    receiver = FrameReceiver()
    for length in (10, 900, 5, 2_000, 391, 392):
        message = rng.randbytes(length)
        encoder = FrameEncoder(message)
        outcomes = [receiver.add(text).outcome for text in islice(encoder.frames(), encoder.chunk_count + 3)]
        assert outcomes[encoder.chunk_count - 1] is Outcome.COMPLETE
        assert set(outcomes[encoder.chunk_count :]) == {Outcome.REPEAT}
        assert receiver.message == message


def test_a_complete_message_is_not_received_anew_until_reset() -> None:
    receiver = FrameReceiver()
    first, second = FrameEncoder(b"first"), FrameEncoder(b"second")
    assert receiver.add(first.frame(0)).outcome is Outcome.COMPLETE
    assert receiver.add(second.frame(0)).outcome is Outcome.COMPLETE
    repeat = receiver.add(first.frame(3))
    assert repeat.outcome is Outcome.REPEAT
    assert repeat.complete
    assert receiver.message == b"second"
    receiver.reset()
    assert receiver.add(second.frame(1)).outcome is Outcome.COMPLETE
    assert receiver.add(first.frame(3)).outcome is Outcome.COMPLETE
    assert receiver.message == b"first"
