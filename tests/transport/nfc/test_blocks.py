"""Commands and answers: what is written reads the same, and whatever else comes is one of them or ``BlockError``."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet.transport.nfc import blocks
from wallet.transport.nfc.blocks import (
    BlockError,
    Get,
    Have,
    Hello,
    Message,
    Nothing,
    Part,
    Pending,
    Put,
    Status,
)

IDS = st.binary(min_size=8, max_size=8)
COUNTS = st.integers(0, 65_535)


@st.composite
def parts(draw: st.DrawFn) -> Part:
    data = draw(st.binary(max_size=300))
    offset = draw(st.integers(0, 65_535 - max(1, len(data))))
    total = draw(st.integers(offset + max(1, len(data)), 65_535))
    return Part(draw(IDS), total, offset, data)


COMMANDS = st.one_of(
    st.just(Hello()),
    st.builds(Hello, st.binary(min_size=16, max_size=16)),
    st.builds(Put, parts()),
    st.builds(Status, IDS),
    st.builds(Get, IDS, COUNTS),
)
ANSWERS = st.one_of(
    st.just(Nothing()), st.just(Pending()), st.builds(Message, parts()), st.builds(Have, COUNTS)
)


@given(COMMANDS)
def test_a_command_reads_as_it_was_written(command: blocks.Command) -> None:
    assert blocks.read_command(blocks.write_command(command)) == command


@given(ANSWERS)
def test_an_answer_reads_as_it_was_written(answer: blocks.Answer) -> None:
    assert blocks.read_answer(blocks.write_answer(answer)) == answer


@given(
    st.one_of(
        st.binary(max_size=40), st.builds(lambda k, b: bytes([k]) + b, st.integers(0, 255), st.binary())
    )
)
def test_garbage_is_a_block_or_none(raw: bytes) -> None:
    for read, write in (
        (blocks.read_command, blocks.write_command),
        (blocks.read_answer, blocks.write_answer),
    ):
        try:
            assert write(read(raw)) == raw  # type: ignore[arg-type]
        except BlockError:
            continue


@pytest.mark.parametrize(
    "raw",
    ["", "00", "01ff", "02", "02" + "00" * 11, "03" + "00" * 7, "04" + "00" * 9, "05", "81", "ff"],
)
def test_no_command(raw: str) -> None:
    with pytest.raises(BlockError):
        blocks.read_command(bytes.fromhex(raw))


@pytest.mark.parametrize(
    ("total", "offset", "size"), [(0, 0, 0), (0, 0, 1), (1, 1, 0), (5, 5, 0), (5, 4, 2), (5, 0, 6)]
)
def test_a_part_stays_within_its_message(total: int, offset: int, size: int) -> None:
    raw = bytes(8) + total.to_bytes(2, "big") + offset.to_bytes(2, "big") + bytes(size)
    for kind, read in ((b"\x02", blocks.read_command), (b"\x82", blocks.read_answer)):
        with pytest.raises(BlockError):
            read(kind + raw)
