"""Only the one deterministic encoding of a value is read, whatever else a stranger sends is refused with a code."""

from __future__ import annotations

import tracemalloc

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.deals import refusal_of
from tests.support.world import Key
from wallet.protocol import codec
from wallet.protocol.bounds import MAX_DEPTH, MAX_SUM, MAX_TIME
from wallet.protocol.codes import Code, Refusal

LIMIT = 4096

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.binary(max_size=40)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.integers(0, 23), inner, max_size=5),
    max_leaves=20,
)

MALFORMED = {
    "nothing": "",
    "a float": "f93c00",
    "a float in a list": "81fa47c35000",
    "not a number": "f97e00",
    "undefined": "f7",
    "a simple value": "f820",
    "a simple value below 20": "e0",
    "a simple value in two bytes": "f801",
    "a bignum": "c249010000000000000000",
    "a date": "c11a514b67b0",
    "encoded CBOR": "d8184101",
    "a shareable list that holds itself": "d81c81d81d00",
    "a string reference": "d9010082d81900d81900",
    "COSE_Sign1 with its tag": "d28443a10126a0414040",
    "a set": "d9010280",
    "a regular expression": "d8236161",
    "an address": "d9010444c00a0f01",
    "a fraction": "d81e820103",
    "a list without end": "9f01ff",
    "a map without end": "bf0101ff",
    "bytes without end": "5f4101ff",
    "a text without end": "7f6161ff",
    "a duplicate key": "a201010102",
    "a duplicate key in another encoding": "a20101180102",
    "a bytes key": "a1410101",
    "a text key": "a1616101",
    "a list key": "a1810101",
    "a map key": "a1a001",
    "a true key": "a1f501",
    "a null key": "a1f601",
    "a lone break": "ff",
    "a reserved length": "1c",
    "bad UTF-8": "62c328",
    "a surrogate": "63eda080",
    "a truncated list": "8201",
    "a truncated string": "450102",
    "a length without its string": "5a00010000",
}

NOT_CANONICAL = {
    "a number in two bytes": "1801",
    "a negative number in two bytes": "3800",
    "a number in nine bytes": "1b0000000000000001",
    "a length in two bytes": "980101",
    "a bytes length in two bytes": "580101",
    "a text length in two bytes": "780161",
    "a map length in two bytes": "b8010101",
    "unsorted keys": "a202010102",
    "a negative key first": "a220010102",
    "unsorted negative keys": "a221012001",
    "unsorted keys further down": "8201a202010102",
    "one byte left over": "0100",
    "two values": "0101",
}


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_no_value_of_ours_is_malformed(raw: str) -> None:
    assert refusal_of(lambda: codec.decode(bytes.fromhex(raw), LIMIT)) is Code.MALFORMED_CBOR


@pytest.mark.parametrize("raw", NOT_CANONICAL.values(), ids=NOT_CANONICAL.keys())
def test_another_encoding_of_a_value_is_refused(raw: str) -> None:
    assert refusal_of(lambda: codec.decode(bytes.fromhex(raw), LIMIT)) is Code.NOT_CANONICAL


@given(VALUES)
def test_every_value_has_one_encoding_and_it_is_read_back(value: codec.Cbor) -> None:
    raw = codec.encode(value)
    read = codec.decode(raw, 1 << 20)
    assert read == value
    assert codec.encode(read) == raw
    # True is not 1: the types come back too.
    assert repr(read) == repr(cbor2.loads(raw))


@given(st.binary(max_size=64))
def test_any_bytes_are_a_value_or_a_refusal_and_what_is_read_encodes_to_the_same_bytes(raw: bytes) -> None:
    try:
        value = codec.decode(raw, LIMIT)
    except Refusal:
        return
    assert codec.encode(value) == raw


@given(VALUES, st.data())
def test_one_changed_byte_is_another_value_or_a_refusal(value: codec.Cbor, data: st.DataObject) -> None:
    raw = bytearray(codec.encode(value))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        read = codec.decode(bytes(raw), 1 << 20)
    except Refusal:
        return
    assert codec.encode(read) == raw


def test_size_is_checked_before_anything_is_read() -> None:
    assert codec.decode(codec.encode(b"x" * 10), 11) == b"x" * 10
    with pytest.raises(Refusal) as refused:
        codec.decode(b"\xff" * 12, 11)
    assert refused.value.code is Code.TOO_LARGE
    assert refused.value.facts == {"bytes": 12, "limit": 11}


def test_depth_is_bounded() -> None:
    def nested(levels: int) -> bytes:
        return b"\x81" * levels + b"\x00"

    codec.decode(nested(MAX_DEPTH), LIMIT)
    assert refusal_of(lambda: codec.decode(nested(MAX_DEPTH + 1), LIMIT)) is Code.MALFORMED_CBOR
    assert refusal_of(lambda: codec.decode(b"\x81" * 60_000, 1 << 16)) is Code.MALFORMED_CBOR
    assert refusal_of(lambda: codec.decode(b"\xa1\x01" * 30_000, 1 << 16)) is Code.MALFORMED_CBOR


@pytest.mark.parametrize("head", ["9b", "bb", "5b", "7b"], ids=["list", "map", "bytes", "text"])
@pytest.mark.parametrize("count", ["00000001ffffffff", "ffffffffffffffff"])
def test_a_declared_size_takes_no_memory(head: str, count: str) -> None:
    raw = bytes.fromhex(head + count)
    tracemalloc.start()
    try:
        assert refusal_of(lambda: codec.decode(raw, LIMIT)) is Code.MALFORMED_CBOR
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("reader", "bad", "code"),
    [
        (
            lambda value: codec.uint(value, 9),
            [True, False, -1, 10, "1", b"1", None, [1], 2**64],
            Code.MALFORMED,
        ),
        (codec.amount, [True, 0, -1, MAX_SUM + 1, "1", None], Code.AMOUNT_INVALID),
        (codec.moment, [True, -1, MAX_TIME + 1, "1", None], Code.TIME_INVALID),
        (lambda value: codec.octets(value, 2), [b"1", b"123", "12", None, [1, 2]], Code.MALFORMED),
        (lambda value: codec.octets(value, most=2), [b"123", "12", None], Code.MALFORMED),
        (lambda value: codec.text(value, 3, least=1), ["", "1234", "қ€", b"12", None], Code.MALFORMED),
        (
            lambda value: codec.array(value, 2),
            [[], [1], [1, 2, 3], (1, 2), {1: 1, 2: 2}, None],
            Code.MALFORMED,
        ),
        (lambda value: codec.array(value, most=1), [[1, 2]], Code.TOO_MANY),
        (lambda value: codec.array(value, least=1), [[]], Code.MALFORMED),
        (
            lambda value: codec.mapping(value, (1, 2)),
            [{1: 1}, {2: 2, 1: 1}, {True: 1, 2: 2}, {1.0: 1, 2: 2}, {1: 1, 2: 2, 3: 3}, [1, 2]],
            Code.MALFORMED,
        ),
        (
            codec.public_key,
            [b"", b"\x02" * 32, b"\x04" + b"\x01" * 32, b"\x02" + b"\xff" * 32, b"\x02" + b"\0" * 64, "key"],
            Code.KEY_INVALID,
        ),
    ],
)
def test_readers_take_their_type_and_range_only(reader: object, bad: list[object], code: Code) -> None:
    for value in bad:
        assert refusal_of(lambda value=value: reader(value)) is code, value  # type: ignore[operator,misc]


def test_a_key_off_the_curve_is_refused() -> None:
    key = Key.of("anybody").public
    assert codec.public_key(key) == key
    # Of the x-coordinates half belong to no point.
    others = [bytes([2]) + bytes(31) + bytes([x]) for x in range(1, 20)]
    refused = [raw for raw in others if _is_refused(raw)]
    assert 3 <= len(refused) <= 16


def _is_refused(raw: bytes) -> bool:
    try:
        codec.public_key(raw)
    except Refusal:
        return True
    return False
