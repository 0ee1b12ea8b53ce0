"""The loopback gives what it was given, in order, and never holds more than it may."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet.protocol.codes import Code, Refusal
from wallet.transport.loopback import MAX_WAITING_BYTES, Loopback, every, whole


def drain(end: Loopback) -> list[bytes]:
    return list(iter(end.receive, None))


@given(st.lists(st.binary(min_size=1, max_size=50)), st.lists(st.binary(min_size=1, max_size=50)))
def test_both_ends_hear_the_other_whole_and_in_order(there: list[bytes], back: list[bytes]) -> None:
    one, other = Loopback.pair(whole)
    for data in there:
        one.send(data)
    for data in back:
        other.send(data)
    assert (drain(other), drain(one)) == (there, back)


@given(st.binary(), st.integers(1, 9))
def test_pieces_put_together_are_what_was_sent(data: bytes, size: int) -> None:
    one, other = Loopback.pair(every(size))
    one.send(data)
    pieces = drain(other)
    assert b"".join(pieces) == data
    assert all(0 < len(piece) <= size for piece in pieces)


def test_what_is_not_taken_is_bounded() -> None:
    one, other = Loopback.pair()
    one.send(bytes(MAX_WAITING_BYTES))
    with pytest.raises(Refusal) as refused:
        one.send(b"\x00")
    assert refused.value.code is Code.TOO_MANY
    assert other.receive() == bytes(MAX_WAITING_BYTES)
    one.send(b"\x00")
    assert drain(other) == [b"\x00"]
