"""One header, one algorithm, low s, and an id that no signature can change."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from tests.support.deals import deal, refusal_of
from tests.support.world import ORDER, Key, World
from wallet.protocol import codec, cose, kinds
from wallet.protocol.codes import Code
from wallet.protocol.issuance import Issuance
from wallet.protocol.keys import is_low_s, p256
from wallet.protocol.transfer import Transfer

HEADER = codec.encode({1: -7, 16: "qis1"})


def parts() -> list[codec.Cbor]:
    """The four items of a good issuance."""
    world = World()
    return list(world.issue(world.person("Aigul"), 500).to_cbor())


def refused(items: list[codec.Cbor]) -> Code:
    return refusal_of(lambda: cose.parse(Issuance, codec.encode(items)))


def test_the_same_body_always_has_the_same_id_and_the_id_is_not_of_the_signature() -> None:
    world = World()
    issuance = world.issue(world.person("Aigul"), 500)
    assert issuance.id == hashlib.sha256(b"qis1" + issuance.payload).digest()
    assert cose.sign(issuance.body, Key.of("somebody else").sign).id == issuance.id
    assert cose.parse(Issuance, issuance.encode()) == issuance


def test_the_signed_bytes_are_the_sig_structure_of_rfc_9052() -> None:
    for size in (0, 23, 24, 255, 256, 70_000):
        payload = b"x" * size
        structure = codec.encode(["Signature1", codec.encode({1: -7, 16: "qtr1"}), b"", payload])
        assert cose.signature_structure(kinds.TRANSFER, payload) == structure
    world = World()
    issuance = world.issue(world.person("Aigul"), 500)
    signed: list[bytes] = []
    cose.sign(issuance.body, lambda message: signed.append(message) or issuance.signature)
    assert signed == [cose.signature_structure(kinds.ISSUANCE, issuance.payload)]
    assert p256(world.issuing.public).verify(signed[0], issuance.signature)


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (codec.encode({1: -8, 16: "qis1"}), Code.ALGORITHM_UNKNOWN),
        (codec.encode({1: True, 16: "qis1"}), Code.ALGORITHM_UNKNOWN),
        (codec.encode({1: -8, 16: "qtr1"}), Code.ALGORITHM_UNKNOWN),
        (codec.encode({1: -7, 16: "qis2"}), Code.VERSION_UNKNOWN),
        (codec.encode({1: -49, 16: "qis2"}), Code.VERSION_UNKNOWN),
        (codec.encode({1: -49, 16: "qzz1"}), Code.KIND_UNEXPECTED),
        (codec.encode({1: -7, 16: "qtr1"}), Code.KIND_UNEXPECTED),
        (codec.encode({1: -7, 16: "application/cwt+and so on"}), Code.MALFORMED),
        (codec.encode({1: -7, 16: 1}), Code.MALFORMED),
        (codec.encode({1: -7}), Code.MALFORMED),
        (codec.encode({1: -7, 4: b"key", 16: "qis1"}), Code.MALFORMED),
        (codec.encode([-7, "qis1"]), Code.MALFORMED),
        (bytes.fromhex("a21064716973310126"), Code.NOT_CANONICAL),
        (HEADER + b"\x00", Code.NOT_CANONICAL),
        (b"", Code.MALFORMED_CBOR),
        (codec.encode({1: -7, 16: "qis1", 20: b"x" * 60}), Code.TOO_LARGE),
    ],
)
def test_the_protected_header_says_kind_version_and_algorithm_and_nothing_else(
    header: bytes, code: Code
) -> None:
    assert refused([header, *parts()[1:]]) is code


def test_the_unprotected_header_is_an_empty_map() -> None:
    header, _, payload, signature = parts()
    others: tuple[codec.Cbor, ...] = ({4: b"key"}, [], None, b"")
    for other in others:
        assert refused([header, other, payload, signature]) is Code.MALFORMED


def test_an_object_is_an_untagged_array_of_four() -> None:
    items = parts()
    assert refused(items[:3]) is Code.MALFORMED
    assert refused([*items, b""]) is Code.MALFORMED
    assert refusal_of(lambda: cose.parse(Issuance, codec.encode(items[2]))) is Code.MALFORMED
    tagged = b"\xd2" + codec.encode(items)
    assert refusal_of(lambda: cose.parse(Issuance, tagged)) is Code.MALFORMED_CBOR
    header, unprotected, payload, signature = items
    assert refused([header, unprotected, None, signature]) is Code.MALFORMED
    assert refused([header, unprotected, payload, signature[:63]]) is Code.MALFORMED
    assert refused([list(header), unprotected, payload, signature]) is Code.MALFORMED
    assert refused([header, unprotected, payload + b"\x00", signature]) is Code.NOT_CANONICAL


def test_the_high_twin_of_a_signature_is_refused() -> None:
    header, unprotected, payload, signature = parts()
    s = int.from_bytes(signature[32:], "big")
    twin = signature[:32] + (ORDER - s).to_bytes(32, "big")
    assert refused([header, unprotected, payload, twin]) is Code.SIGNATURE_HIGH_S
    assert is_low_s(bytes(32) + (ORDER // 2).to_bytes(32, "big"))
    assert not is_low_s(bytes(32) + (ORDER // 2 + 1).to_bytes(32, "big"))


def test_a_keystore_that_gives_high_s_is_not_believed() -> None:
    key = Key.of("bank")

    def high(message: bytes) -> bytes:
        signature = key.sign(message)
        return signature[:32] + (ORDER - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")

    body = cose.parse(Issuance, codec.encode(parts())).body
    with pytest.raises(ValueError, match="one form"):
        cose.sign(body, high)
    with pytest.raises(ValueError, match="one form"):
        cose.sign(body, lambda message: key.sign(message)[:63])


@pytest.mark.parametrize(
    ("r", "s"),
    [(0, 0), (0, 1), (1, 0), (1, 1), (ORDER, 1), (ORDER + 1, 1), (2**256 - 1, 1)],
)
def test_a_signature_out_of_range_verifies_under_no_key(r: int, s: int) -> None:
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    assert not p256(Key.of("bank").public).verify(bytes(32), signature)
    assert not p256(Key.of("bank").public).verify(b"\xff" * 32, signature)


def test_r_beyond_the_order_is_no_second_form_of_a_signature() -> None:
    """Found by search: a signature whose r + n still fits in 32 bytes would have a twin."""
    key, message = Key.of("bank"), b"x"
    signature = key.sign(message)
    assert p256(key.public).verify(message, signature)
    r = int.from_bytes(signature[:32], "big") + ORDER
    if r < 2**256:
        assert not p256(key.public).verify(message, r.to_bytes(32, "big") + signature[32:])
    assert not p256(Key.of("other").public).verify(message, signature)
    assert not p256(b"\x02" + b"\xff" * 32).verify(message, signature)
    assert not p256(b"").verify(message, signature)


def test_a_signature_over_one_kind_is_none_over_another() -> None:
    made = deal().payment.transfers[0]
    message = cose.signature_structure(kinds.COMMIT, made.payload)
    assert made.signed_by(p256(Key.of("Aigul").public))
    assert not p256(Key.of("Aigul").public).verify(message, made.signature)


def test_holding_a_signed_object_says_nothing_about_who_signed_it() -> None:
    made = deal().payment.transfers[0]
    raw = replace(made, signature=Key.of("somebody else").sign(bytes(32))).encode()
    assert not cose.parse(Transfer, raw).signed_by(p256(Key.of("Aigul").public))
