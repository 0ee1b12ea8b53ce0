"""Evidence: two contradicting signed transfers of one key. Anyone who holds the central bank's root can check it.

Nobody is named before both payloads are in hand; a gap in sequence numbers proves nothing. SPEC section 4.10.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from wallet.protocol import codec, cose
from wallet.protocol.bounds import MAX_OBJECT_BYTES
from wallet.protocol.certificate import Certificate, check_certificate
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Directory
from wallet.protocol.keys import p256
from wallet.protocol.transfer import TokenRef, Transfer


class Contradiction(IntEnum):
    """A token consumed by two transfers, or one sequence number used for two."""

    CONFLICT = 1
    SEQUENCE_FORK = 2


@dataclass(frozen=True, slots=True)
class Culprit:
    """The one who signed twice: the wallet id (16 bytes), the bank that knows the person, the key (33 bytes), and
    the token or the sequence number that was used twice."""

    wallet: bytes
    bank: str
    key: bytes
    token: TokenRef | None
    sequence: int | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """The two transfers in order of their ids, and a certificate of the key that signed both."""

    kind: Contradiction
    first: Signed[Transfer]
    second: Signed[Transfer]
    certificate: Signed[Certificate]

    @classmethod
    def of(
        cls, one: Signed[Transfer], other: Signed[Transfer], certificate: Signed[Certificate]
    ) -> Self | None:
        """The evidence in two transfers of the certificate's key, or None where they do not contradict."""
        if one.id == other.id:
            return None
        first, second = sorted((one, other), key=lambda transfer: transfer.id)
        if set(one.body.inputs) & set(other.body.inputs):
            return cls(Contradiction.CONFLICT, first, second, certificate)
        if one.body.sequence == other.body.sequence:
            return cls(Contradiction.SEQUENCE_FORK, first, second, certificate)
        return None

    def to_cbor(self) -> Cbor:
        return [int(self.kind), self.first.to_cbor(), self.second.to_cbor(), self.certificate.to_cbor()]

    def encode(self) -> bytes:
        """Canonical CBOR of the evidence, as it is kept and handed on."""
        return codec.encode(self.to_cbor())

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        kind, first, second, certificate = codec.array(value, 4)
        if type(kind) is not int or kind not in set(Contradiction):
            raise Refusal(Code.MALFORMED)  # 8.1.4
        return cls(
            Contradiction(kind),
            cose.from_cbor(Transfer, first),
            cose.from_cbor(Transfer, second),
            cose.from_cbor(Certificate, certificate),
        )


def parse_evidence(raw: bytes) -> Evidence:
    """The evidence in ``raw``. Raises the codes of SPEC 8.1."""
    return Evidence.from_cbor(codec.decode(raw, 3 * MAX_OBJECT_BYTES))


def check_evidence(evidence: Evidence, directory: Directory) -> Culprit:
    """Name the culprit, or raise ``Refusal``: BANK_UNKNOWN, CERTIFICATE_SIGNATURE, EVIDENCE_INVALID."""
    certificate = evidence.certificate
    check_certificate(certificate, directory)
    key = p256(certificate.body.key)
    first, second = evidence.first, evidence.second
    require(first.id < second.id, Code.EVIDENCE_INVALID)  # 8.2.12
    require(first.signed_by(key) and second.signed_by(key), Code.EVIDENCE_INVALID)  # 8.2.12
    token: TokenRef | None = None
    sequence: int | None = None
    if evidence.kind is Contradiction.CONFLICT:
        shared = sorted(set(first.body.inputs) & set(second.body.inputs))
        require(bool(shared), Code.EVIDENCE_INVALID)  # 8.2.12
        token = shared[0]
    else:
        require(first.body.sequence == second.body.sequence, Code.EVIDENCE_INVALID)  # 8.2.12
        sequence = first.body.sequence
    return Culprit(certificate.body.wallet, certificate.body.bank, key.raw, token, sequence)
