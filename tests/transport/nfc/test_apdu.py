"""APDUs: what is written reads the same, garbage raises ``ApduError`` alone, and no APDU of ours outgrows its frame."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet.transport.nfc import apdu
from wallet.transport.nfc.apdu import ApduError, CommandApdu, ResponseApdu, Sw

BYTES = st.integers(0, 255)
FRAME = 256 - 3
"""ISO-DEP: 256 bytes with a block's first byte and its two check bytes."""


@given(
    st.builds(
        CommandApdu, BYTES, BYTES, BYTES, BYTES, st.binary(max_size=255), st.none() | st.integers(1, 256)
    )
)
def test_a_command_reads_as_it_was_written(command: CommandApdu) -> None:
    assert apdu.read_command(command.encode()) == command


@given(st.binary(max_size=300))
def test_garbage_is_a_command_or_of_wrong_length(raw: bytes) -> None:
    assert _answer(raw) in (raw, Sw.WRONG_LENGTH)


def _answer(raw: bytes) -> bytes | Sw:
    try:
        return apdu.read_command(raw).encode()
    except ApduError as error:
        return error.sw


@pytest.mark.parametrize(
    "raw",
    ["", "00a404", "00c30000000005", "00c3000000000101ff0000", "00c300000501020304", "00c30000010203ff"],
)
def test_lengths_that_are_none(raw: str) -> None:
    with pytest.raises(ApduError) as error:
        apdu.read_command(bytes.fromhex(raw))
    assert error.value.sw is Sw.WRONG_LENGTH


@given(st.binary(max_size=300), st.integers(0, 0xFFFF))
def test_a_response_reads_as_it_was_written(data: bytes, sw: int) -> None:
    assert apdu.read_response(ResponseApdu(data, sw).encode()) == ResponseApdu(data, sw)


def test_what_is_no_response() -> None:
    assert apdu.read_response(b"") is apdu.read_response(b"\x90") is None


@pytest.mark.parametrize(
    ("sw", "waiting"), [(0x9000, 0), (0x6101, 1), (0x61F0, 240), (0x6100, 256), (0x6D00, 0)]
)
def test_how_many_bytes_wait(sw: int, waiting: int) -> None:
    assert ResponseApdu(b"", sw).waiting == waiting


@given(st.binary(min_size=1, max_size=2_000))
def test_a_block_goes_in_frames_and_comes_out_whole(block: bytes) -> None:
    raw = apdu.envelopes(block)
    pieces = [apdu.read_command(piece) for piece in raw]
    assert b"".join(piece.data for piece in pieces) == block
    assert [piece.cla for piece in pieces] == [0x10] * (len(pieces) - 1) + [0]
    assert [piece.expected for piece in pieces] == [None] * (len(pieces) - 1) + [256]
    assert all(len(piece) <= FRAME for piece in raw)


def test_the_bytes_of_the_page() -> None:
    assert apdu.select().hex() == "00a4040007f051414c54410100"
    assert apdu.get_response(256).hex() == "00c0000000"
    assert apdu.get_response(7).hex() == "00c0000007"
