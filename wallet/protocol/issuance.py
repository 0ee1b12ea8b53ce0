"""Issuance: the central bank's signed creation of tokens at hop 0 for one wallet key. SPEC section 4.3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from wallet.protocol import codec, kinds
from wallet.protocol.bounds import (
    FUNDING_ID_BYTES,
    KEY_BYTES,
    MAX_AMOUNTS,
    MAX_MARK_BYTES,
    MAX_SUM,
    MAX_TOKEN_LIFE,
)
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, require
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Directory, Role
from wallet.protocol.kinds import Kind

CURRENCY = "KZT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuance:
    """Amounts in tiyn, one token each; ``funding`` (16 bytes) is the idempotency key; times in unix seconds."""

    KIND: ClassVar[Kind] = kinds.ISSUANCE

    funding: bytes
    owner: bytes
    currency: str
    amounts: tuple[int, ...]
    mark: bytes | None
    issued: int
    expires: int

    def to_cbor(self) -> Cbor:
        return [
            self.funding,
            self.owner,
            self.currency,
            list(self.amounts),
            self.mark,
            self.issued,
            self.expires,
        ]

    def size(self) -> int:
        """Bytes of the payload."""
        head = codec.head_size
        mark = 1 if self.mark is None else codec.string_size(len(self.mark))
        amounts = head(len(self.amounts)) + sum([head(amount) for amount in self.amounts])
        fixed = 1 + 1 + FUNDING_ID_BYTES + 2 + KEY_BYTES
        return (
            fixed + codec.text_size(self.currency) + amounts + mark + head(self.issued) + head(self.expires)
        )

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        funding, owner, currency, amounts, mark, issued, expires = codec.array(value, 7)
        body = cls(
            funding=codec.octets(funding, FUNDING_ID_BYTES),
            owner=codec.public_key(owner),
            currency=codec.text(currency, 3, least=3),
            amounts=tuple([codec.amount(item) for item in codec.array(amounts, least=1, most=MAX_AMOUNTS)]),
            mark=None if mark is None else codec.octets(mark, most=MAX_MARK_BYTES),
            issued=codec.moment(issued),
            expires=codec.moment(expires),
        )
        require(sum(body.amounts) <= MAX_SUM, Code.AMOUNT_INVALID)  # 8.1.10
        require(0 <= body.expires - body.issued <= MAX_TOKEN_LIFE, Code.TIME_INVALID)  # 8.1.11
        return body


def check_issuance(signed: Signed[Issuance], directory: Directory) -> None:
    """That an issuing key good at its time signed it. ISSUANCE_SIGNATURE."""
    keys = directory.keys(Role.ISSUING, signed.body.issued)
    require(any(signed.signed_by(key) for key in keys), Code.ISSUANCE_SIGNATURE)  # 8.2.4
