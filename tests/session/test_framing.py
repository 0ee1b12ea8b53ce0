"""Any cut of a stream gives the same messages, and no length makes it keep more than one of them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet.protocol.bounds import MAX_MESSAGE_BYTES
from wallet.protocol.codes import Code, Refusal
from wallet.session import Deframer, frame

MESSAGES = st.lists(st.binary(min_size=1, max_size=300), max_size=6)


def pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    at = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    return [stream[start:end] for start, end in pairwise(at)]


def until_it_breaks(deframer: Deframer, given: list[bytes]) -> tuple[list[bytes], Code | None]:
    got: list[bytes] = []
    for piece in given:
        try:
            got += deframer.receive(piece)
        except Refusal as refusal:
            return got, refusal.code
    return got, None


@given(MESSAGES, st.lists(st.integers(min_value=0)))
def test_any_cut_gives_the_same_messages(sent: list[bytes], cuts: list[int]) -> None:
    deframer = Deframer()
    got = [
        message for piece in pieces(b"".join(map(frame, sent)), cuts) for message in deframer.receive(piece)
    ]
    assert got == sent


@given(MESSAGES, st.sampled_from([0, MAX_MESSAGE_BYTES + 1, 2**32 - 1]), st.lists(st.integers(min_value=0)))
def test_a_bad_length_ends_the_stream_wherever_it_is_cut(
    sent: list[bytes], length: int, cuts: list[int]
) -> None:
    stream = b"".join(map(frame, sent)) + length.to_bytes(4, "big") + b"whatever follows"
    deframer = Deframer()
    got, code = until_it_breaks(deframer, [*pieces(stream, cuts), b""])
    assert got == sent
    assert code is (Code.MALFORMED if length == 0 else Code.TOO_LARGE)
    with pytest.raises(Refusal):
        deframer.receive(frame(b"more"))


def test_the_largest_message_fits_and_no_larger_one() -> None:
    largest = bytes(MAX_MESSAGE_BYTES)
    assert Deframer().receive(frame(largest)) == [largest]
    with pytest.raises(Refusal) as refused:
        frame(largest + b"\x00")
    assert refused.value.code is Code.TOO_LARGE
    with pytest.raises(Refusal) as refused:
        frame(b"")
    assert refused.value.code is Code.MALFORMED
