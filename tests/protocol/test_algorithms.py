"""A second signature algorithm is a version of a kind and an `Algorithm`: nothing between them has to know it.

ML-DSA-65 (FIPS 204; COSE algorithm -49) is taken for it: its keys have 1,952 bytes, its signatures 3,309, and it signs
messages, not digests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey, MLDSA65PublicKey

from tests.support.deals import refusal_of
from tests.support.world import Key
from wallet.protocol import codec, cose
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.issuance import Issuance
from wallet.protocol.keys import ES256, PublicKey, p256
from wallet.protocol.kinds import Kind

SEED = bytes(range(32))


class MlDsa65:
    """All that a new algorithm has to say of itself."""

    number = -49

    def is_key(self, raw: bytes) -> bool:
        return len(raw) == 1_952

    def check_form(self, signature: bytes) -> None:
        if len(signature) != 3_309:
            raise Refusal(Code.MALFORMED)

    def verify(self, key: bytes, message: bytes, signature: bytes) -> bool:
        try:
            MLDSA65PublicKey.from_public_bytes(key).verify(signature, message)
        except InvalidSignature:
            return False
        return True


ML_DSA = MlDsa65()
PRIVATE = MLDSA65PrivateKey.from_seed_bytes(SEED)
PUBLIC = PublicKey(ML_DSA, PRIVATE.public_key().public_bytes_raw())


@dataclass(frozen=True, slots=True)
class Statement:
    """A kind whose second version is signed with another algorithm."""

    KIND: ClassVar[Kind] = Kind("qzz", 1)

    text: str

    def to_cbor(self) -> Cbor:
        return [self.text]

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        (text,) = codec.array(value, 1)
        return cls(codec.text(text, 20))


class Statement2(Statement):
    KIND: ClassVar[Kind] = Kind("qzz", 2, ML_DSA)


def of_either(raw: bytes) -> cose.Signed[Statement]:
    return codec.read(raw, 16_384, lambda value: cose.one_of((Statement, Statement2), value))


def test_both_versions_are_signed_read_and_verified_by_the_same_functions() -> None:
    key = Key.of("bank")
    old, new = cose.sign(Statement("x"), key.sign), cose.sign(Statement2("x"), PRIVATE.sign)
    assert (old.payload, len(new.signature)) == (new.payload, 3_309)
    assert old.id != new.id
    for made, by in ((old, p256(key.public)), (new, PUBLIC)):
        read = of_either(made.encode())
        assert read == made
        assert read.encode() == made.encode()
        assert read.signed_by(by)
    assert not new.signed_by(
        PublicKey(ML_DSA, MLDSA65PrivateKey.from_seed_bytes(bytes(32)).public_key().public_bytes_raw())
    )


def test_a_key_signs_only_what_is_of_its_own_algorithm() -> None:
    key = Key.of("bank")
    old, new = cose.sign(Statement("x"), key.sign), cose.sign(Statement2("x"), PRIVATE.sign)
    assert not old.signed_by(PublicKey(ML_DSA, key.public))
    assert not new.signed_by(PublicKey(ES256, PUBLIC.raw))
    with pytest.raises(ValueError, match="one form"):
        cose.sign(Statement2("x"), key.sign)
    with pytest.raises(ValueError, match="one form"):
        cose.sign(Statement("x"), PRIVATE.sign)


def test_the_algorithm_is_the_versions_and_the_object_cannot_choose_another() -> None:
    raw = cose.sign(Statement2("x"), PRIVATE.sign).to_cbor()
    by_header = [codec.encode({1: -7, 16: "qzz2"}), *raw[1:]]
    assert refusal_of(lambda: of_either(codec.encode(by_header))) is Code.ALGORITHM_UNKNOWN
    by_header = [codec.encode({1: -49, 16: "qzz1"}), *raw[1:]]
    assert refusal_of(lambda: of_either(codec.encode(by_header))) is Code.ALGORITHM_UNKNOWN


def test_a_reader_of_the_old_version_names_the_new_one_and_not_its_algorithm() -> None:
    raw = cose.sign(Statement2("x"), PRIVATE.sign).encode()
    with pytest.raises(Refusal) as refused:
        cose.parse(Statement, raw)
    assert (refused.value.code, refused.value.facts) == (Code.VERSION_UNKNOWN, {"kind": "qzz2"})
    with pytest.raises(Refusal) as refused:
        cose.parse(Issuance, raw)
    assert (refused.value.code, refused.value.facts) == (Code.KIND_UNEXPECTED, {"kind": "qzz2"})
