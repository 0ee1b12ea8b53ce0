"""What knows its own length is read without being encoded again: nothing is taken that the comparison refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.test_objects import BODIES, SAMPLES
from tests.support.deals import refusal_of
from tests.support.world import Key, World
from wallet.protocol import codec, cose, kinds
from wallet.protocol.bounds import MAX_SUM, MAX_TIME
from wallet.protocol.bundle import MAX_BUNDLE_BYTES, Bundle, parse_bundle
from wallet.protocol.certificate import Certificate, WalletKind
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.keys import ES256, der_signature
from wallet.protocol.request import Request
from wallet.protocol.transfer import Transfer

MEASURED: Final = sorted(typ for typ, body in BODIES.items() if issubclass(body, codec.Measured))
EDGES: Final = (0, 1, 23, 24, 255, 256, 65_535, 65_536, MAX_TIME, 2**32, MAX_SUM, MAX_SUM + 1, 2**64 - 1, -1)
BUNDLE: Final = Bundle.of_payment(World().chain(2)).encode()

ODD: Final[dict[str, Callable[[Cbor], Cbor]]] = {
    "a true for a one": lambda value: True if value == 1 and type(value) is int else value,
    "an empty map for an empty text": lambda value: {} if value == "" else value,
    "keys backwards": lambda value: dict(reversed(value.items())) if type(value) is dict else value,
}


def edited(value: Cbor, edit: Callable[[Cbor], Cbor]) -> Cbor:
    """A value with all that is in it, edited from inside out."""
    if type(value) is list:
        return edit([edited(item, edit) for item in value])
    if type(value) is dict:
        return edit({edit(key): edited(item, edit) for key, item in value.items()})
    return edit(value)


def head(major: int, argument: int, wider: int) -> bytes:
    """An item's head, in as many steps more bytes than it needs as there are."""
    sizes = [0, 1, 2, 4, 8]
    least = next(size for size in sizes if argument < (24 if size == 0 else 256**size))
    size = sizes[min(sizes.index(least) + wider, len(sizes) - 1)]
    if size == 0:
        return bytes([major << 5 | argument])
    return bytes([major << 5 | 23 + size.bit_length()]) + argument.to_bytes(size)


def written(value: Cbor, wider: Callable[[], int]) -> bytes:
    """An encoding of a value, perhaps with heads that are longer than they need be."""
    if type(value) is int:
        return head(0, value, wider()) if value >= 0 else head(1, -1 - value, wider())
    if type(value) is bytes:
        return head(2, len(value), wider()) + value
    if type(value) is str:
        return head(3, len(value.encode()), wider()) + value.encode()
    if type(value) is list:
        return head(4, len(value), wider()) + b"".join(written(item, wider) for item in value)
    if type(value) is dict:
        pairs = (written(key, wider) + written(item, wider) for key, item in value.items())
        return head(5, len(value), wider()) + b"".join(pairs)
    return codec.encode(value)


def outcome(read: Callable[[], object]) -> object:
    try:
        return read()
    except Refusal as refusal:
        return refusal.code


def is_read_as_ever(kind: type[Any], payload: bytes) -> bool:
    """Whether a payload is taken, or refused with its code, as by decoding, encoding and comparing."""
    most = kind.KIND.most
    exact = outcome(lambda: kind.from_cbor(codec.decode(payload, most)))
    return outcome(lambda: codec.read_measured(payload, most, kind.from_cbor)) == exact


def test_all_that_comes_with_every_upload_is_measured() -> None:
    assert {"qtr1", "qrq1", "qwc1", "qis1", "qcm1", "qnc1", "qsa1"} <= set(MEASURED)


@pytest.mark.parametrize("typ", MEASURED)
@given(st.data())
def test_a_body_is_as_long_as_its_encoding(typ: str, data: st.DataObject) -> None:
    edges = st.sampled_from(EDGES)

    def edit(value: Cbor) -> Cbor:
        is_changed = type(value) is int and data.draw(st.integers(0, 3)) == 0
        return data.draw(edges) if is_changed else value

    value = data.draw(st.sampled_from(SAMPLES[typ]))
    found = outcome(lambda: BODIES[typ].from_cbor(edited(value, edit)))
    if not isinstance(found, Code):
        assert found.size() == len(codec.encode(found.to_cbor()))  # type: ignore[attr-defined]


@pytest.mark.parametrize("typ", MEASURED)
@given(st.data())
def test_an_encoding_that_is_longer_than_it_need_be_is_refused(typ: str, data: st.DataObject) -> None:
    value = data.draw(st.sampled_from(SAMPLES[typ]))
    payload = written(value, lambda: int(data.draw(st.integers(0, 9)) == 0))
    is_the_one = payload == codec.encode(value)
    assert is_the_one == (outcome(lambda: codec.decode(payload, 1 << 20)) == value)
    assert is_read_as_ever(BODIES[typ], payload)


@pytest.mark.parametrize("typ", MEASURED)
@given(st.data())
def test_changed_bytes_are_read_as_ever(typ: str, data: st.DataObject) -> None:
    payload = bytearray(codec.encode(data.draw(st.sampled_from(SAMPLES[typ]))))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(payload) - 1))
        payload[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    assert is_read_as_ever(BODIES[typ], bytes(payload))


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("typ", MEASURED)
def test_what_is_as_long_and_is_not_the_same_is_refused_as_ever(typ: str, name: str) -> None:
    for value in SAMPLES[typ]:
        payload = written(edited(value, ODD[name]), lambda: 0)
        assert is_read_as_ever(BODIES[typ], payload)
        assert is_read_as_ever(BODIES[typ], payload + b"\x00")


@given(st.data())
def test_a_bundle_with_changed_bytes_is_read_as_ever(data: st.DataObject) -> None:
    raw = bytearray(BUNDLE)
    for _ in range(data.draw(st.integers(0, 2))):
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    changed = bytes(raw)
    exact = outcome(lambda: Bundle.from_cbor(codec.decode(changed, MAX_BUNDLE_BYTES)))
    assert outcome(lambda: parse_bundle(changed)) == exact


# what is kept


def test_of_a_certificate_that_was_read_before_all_but_the_payload_is_looked_at() -> None:
    world = World()
    made = world.person("holder").certificate
    protected, unprotected, payload, signature = made.to_cbor()
    assert cose.from_cbor(Certificate, made.to_cbor()) == made
    other = Key.of("somebody").sign(b"anything")
    assert cose.from_cbor(Certificate, [protected, unprotected, payload, other]).signature == other

    def code_of(*parts: Cbor) -> Code:
        return refusal_of(lambda: cose.from_cbor(Certificate, list(parts)))

    header = codec.encode({1: ES256.number, 16: kinds.TRANSFER.typ})
    assert code_of(header, unprotected, payload, signature) is Code.KIND_UNEXPECTED
    assert code_of(protected, {1: 1}, payload, signature) is Code.MALFORMED
    assert code_of(protected, unprotected, payload, signature[:32] + b"\xff" * 32) is Code.SIGNATURE_HIGH_S
    assert code_of(protected, unprotected, payload + b"\x00", signature) is Code.NOT_CANONICAL
    assert refusal_of(lambda: cose.from_cbor(Transfer, made.to_cbor())) is Code.KIND_UNEXPECTED


def test_a_request_is_as_long_as_the_certificate_in_it_makes_it() -> None:
    world = World()
    name = "A rather long name of a shop, кириллицей"
    request = world.request(world.person("shop", kind=WalletKind.MERCHANT, name=name), 5)
    assert request.size() == len(request.encode())
    assert cose.parse(Request, request.encode()) == request


# signatures

HALVES: Final = st.one_of(
    st.integers(1, 2**256 - 1),
    st.integers(0, 31).flatmap(lambda size: st.integers(2 ** (8 * size), 2 ** (8 * size + 9) - 1)),
)


@given(HALVES, HALVES)
def test_a_signature_is_put_together_as_two_integers_are_encoded(first: int, second: int) -> None:
    first, second = first % 2**256, second % 2**256
    raw = first.to_bytes(32) + second.to_bytes(32)
    assert der_signature(raw) == encode_dss_signature(first, second)
