"""A payment request: what a payee asks for, signed, so that nobody can put another's name on it. SPEC section 4.4.

A printed shop code is a request with no nonce: many transfers may answer it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from wallet.protocol import codec, cose, kinds
from wallet.protocol.bounds import MAX_MEMO_BYTES, MAX_SEQUENCE, NONCE_BYTES, REQUEST_REF_BYTES
from wallet.protocol.certificate import Certificate, check_certificate
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, require
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Directory
from wallet.protocol.keys import p256
from wallet.protocol.kinds import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """``amount`` in tiyn: what is asked, or the ceiling of an open amount (``is_open``).

    ``nonce`` 16 bytes, or None for a printed code; ``memo`` is the payee's words; ``expires`` in unix seconds;
    ``policy`` is the version of the policy the payee holds.
    """

    KIND: ClassVar[Kind] = kinds.REQUEST

    payee: Signed[Certificate]
    currency: str
    amount: int
    is_open: bool
    nonce: bytes | None
    memo: str
    expires: int
    policy: int

    @property
    def is_printed(self) -> bool:
        """Whether the request may be paid many times: it has no nonce."""
        return self.nonce is None

    @property
    def key(self) -> bytes:
        """The key to pay, compressed P-256."""
        return self.payee.body.key

    def to_cbor(self) -> Cbor:
        return [
            self.payee.to_cbor(),
            self.currency,
            self.amount,
            self.is_open,
            self.nonce,
            self.memo,
            self.expires,
            self.policy,
        ]

    def size(self) -> int:
        """Bytes of the payload."""
        head = codec.head_size
        texts = codec.text_size(self.currency) + codec.text_size(self.memo)
        nonce = 1 if self.nonce is None else 1 + NONCE_BYTES
        numbers = head(self.amount) + head(self.expires) + head(self.policy)
        return 1 + self.payee.size() + texts + numbers + 1 + nonce

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        payee, currency, amount, is_open, nonce, memo, expires, policy = codec.array(value, 8)
        return cls(
            payee=cose.from_cbor(Certificate, payee),
            currency=codec.text(currency, 3, least=3),
            amount=codec.amount(amount),
            is_open=codec.flag(is_open),
            nonce=None if nonce is None else codec.octets(nonce, NONCE_BYTES),
            memo=codec.text(memo, MAX_MEMO_BYTES),
            expires=codec.moment(expires),
            policy=codec.uint(policy, MAX_SEQUENCE),
        )


def request_ref(signed: Signed[Request]) -> bytes:
    """How a transfer names the request it answers: the first 16 bytes of the request's id."""
    return signed.id[:REQUEST_REF_BYTES]


def check_request(signed: Signed[Request], directory: Directory) -> None:
    """That its payee signed it and a bank certified the payee.

    Raises ``Refusal``: BANK_UNKNOWN, CERTIFICATE_SIGNATURE, REQUEST_SIGNATURE.
    """
    check_certificate(signed.body.payee, directory)
    require(signed.signed_by(p256(signed.body.key)), Code.REQUEST_SIGNATURE)  # 8.2.5
