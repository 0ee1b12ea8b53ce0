"""Proof of possession: what an epoch key signs so that a bank certifies it, and what the bank shows for it later.

Rule: a certificate is its bank's word alone, and a bank can certify whatever key it likes. That the key's holder
wanted this bank is shown by the key's own signature, which names bank and device, and by nothing else (RFC 4211
section 4 asks the like of every certificate request). So no bank can use what was signed for another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from wallet.protocol import codec, cose
from wallet.protocol.bounds import KEY_BYTES, SIGNATURE_BYTES
from wallet.protocol.certificate import Certificate, check_certificate
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, require
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Directory
from wallet.protocol.keys import is_low_s, p256

_CONTEXT: Final = "Qalta epoch key for bank and device"


def possession_message(bank: str, device: bytes) -> bytes:
    """The bytes that the epoch key signs for the bank with this id; ``device`` is the 33-byte key that signs the
    calls to it. SPEC 9.9."""
    if len(device) != KEY_BYTES:
        raise ValueError("a device key has 33 bytes")
    return codec.encode([_CONTEXT, bank, device])


def shows_possession(key: bytes, bank: str, device: bytes, proof: bytes) -> bool:
    """Whether ``key`` (33 bytes, not the device's own) signed ``proof`` for this bank and device."""
    return key != device and is_low_s(proof) and p256(key).verify(possession_message(bank, device), proof)


@dataclass(frozen=True, slots=True)
class Possession:
    """What a bank shows to speak for a key: its own certificate of it, and what the key signed to get one."""

    certificate: Signed[Certificate]
    device: bytes
    proof: bytes

    def to_cbor(self) -> Cbor:
        return [self.certificate.to_cbor(), self.device, self.proof]

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        """The codes of SPEC 8.1."""
        certificate, device, proof = codec.array(value, 3)
        return cls(
            cose.from_cbor(Certificate, certificate),
            codec.public_key(device),
            codec.octets(proof, SIGNATURE_BYTES),
        )

    def check(self, bank: str, directory: Directory) -> None:
        """That ``bank`` speaks for the key of the certificate.

        Raises ``Refusal``: BANK_UNKNOWN, CERTIFICATE_SIGNATURE, AUTH_FORBIDDEN (another bank's certificate),
        KEY_INVALID (the key did not sign that it wanted this bank).
        """
        check_certificate(self.certificate, directory)
        body = self.certificate.body
        require(body.bank == bank, Code.AUTH_FORBIDDEN, bank=body.bank)
        require(shows_possession(body.key, bank, self.device, self.proof), Code.KEY_INVALID, bank=bank)
