"""The wallet certificate: a bank's statement that a key belongs to a wallet, with limits and an expiry.

A CWT (RFC 8392) with ``cnf`` (RFC 8747). The wallet id is new with each epoch, so only the bank can link it to
a person; what a policy revokes it by is bound to the bank as well. SPEC sections 2.3 and 4.2.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final, Self

from wallet.protocol import codec, kinds
from wallet.protocol.bounds import (
    MAX_CERTIFICATE_LIFE,
    MAX_HOP,
    MAX_ID_BYTES,
    MAX_NAME_BYTES,
    REVOCATION_ID_BYTES,
    WALLET_ID_BYTES,
)
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Directory
from wallet.protocol.kinds import Kind

_ISS: Final = 1
_EXP: Final = 4
_IAT: Final = 6
_CTI: Final = 7
_CNF: Final = 8
_WALLET: Final = -70_001
"""Private-use claim (RFC 8392 section 9.1): what Qalta adds."""
_CLAIMS: Final = (_ISS, _EXP, _IAT, _CTI, _CNF, _WALLET)
_COSE_KEY_PARTS: Final = (1, -1, -2, -3)
_COSE_KEY: Final = 1
_MAX_DAYS: Final = 3_660


class WalletKind(IntEnum):
    """Kind of a wallet's holder."""

    PERSON = 0
    MERCHANT = 1


_KINDS: Final = tuple(WalletKind)


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a wallet offline: amounts in tiyn; hops 0 (it may not pay) to 15; days since its certificate."""

    balance: int
    payment: int
    total: int
    hops: int
    days: int

    def lower(self, other: Limits) -> Limits:
        """The lower of both, one by one."""
        return Limits(
            min(self.balance, other.balance),
            min(self.payment, other.payment),
            min(self.total, other.total),
            min(self.hops, other.hops),
            min(self.days, other.days),
        )

    def to_cbor(self) -> Cbor:
        return [self.balance, self.payment, self.total, self.hops, self.days]

    def size(self) -> int:
        """Bytes of the one encoding."""
        head = codec.head_size
        amounts = head(self.balance) + head(self.payment) + head(self.total)
        return 1 + amounts + head(self.hops) + head(self.days)

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        balance, payment, total, hops, days = codec.array(value, 5)
        return cls(
            codec.amount(balance),
            codec.amount(payment),
            codec.amount(total),
            codec.uint(hops, MAX_HOP),
            codec.uint(days, _MAX_DAYS),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """``issued`` and ``expires`` in unix seconds; ``total`` is the running total (tiyn) it counts from.

    A merchant's carries its category and the name to show, so that a sticker over a shop's code shows.
    """

    KIND: ClassVar[Kind] = kinds.CERTIFICATE

    bank: str
    wallet: bytes
    key: bytes
    issued: int
    expires: int
    kind: WalletKind
    limits: Limits
    total: int
    category: int = 0
    name: str = ""

    @property
    def revocation_id(self) -> bytes:
        """Id by which a policy revokes this wallet: 16 bytes."""
        return revocation_id(self.bank, self.wallet)

    def to_cbor(self) -> Cbor:
        wallet: list[Cbor] = [int(self.kind), self.limits.to_cbor(), self.total]
        if self.kind is WalletKind.MERCHANT:
            wallet += [self.category, self.name]
        return {
            _ISS: self.bank,
            _EXP: self.expires,
            _IAT: self.issued,
            _CTI: self.wallet,
            _CNF: {_COSE_KEY: _cose_key(self.key)},
            _WALLET: wallet,
        }

    def size(self) -> int:
        """Bytes of the payload."""
        head = codec.head_size
        wallet = 1 + head(self.kind) + self.limits.size() + head(self.total)
        if self.kind is WalletKind.MERCHANT:
            wallet += head(self.category) + codec.text_size(self.name)
        return _FIXED + codec.text_size(self.bank) + head(self.expires) + head(self.issued) + wallet

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        claims = codec.mapping(value, _CLAIMS)
        wallet = codec.array(claims[_WALLET], least=1)
        kind = _KINDS[codec.uint(wallet[0], len(_KINDS) - 1)]
        codec.array(wallet, 5 if kind is WalletKind.MERCHANT else 3)
        merchant = wallet[3:] or [0, ""]
        certificate = cls(
            bank=codec.text(claims[_ISS], MAX_ID_BYTES, least=1),
            wallet=codec.octets(claims[_CTI], WALLET_ID_BYTES),
            key=_key_of(codec.mapping(claims[_CNF], (_COSE_KEY,))[_COSE_KEY]),
            issued=codec.moment(claims[_IAT]),
            expires=codec.moment(claims[_EXP]),
            kind=kind,
            limits=Limits.from_cbor(wallet[1]),
            total=codec.amount(wallet[2], least=0),
            category=codec.uint(merchant[0], 9_999),
            name=codec.text(merchant[1], MAX_NAME_BYTES, least=1 if kind is WalletKind.MERCHANT else 0),
        )
        if not 0 <= certificate.expires - certificate.issued <= MAX_CERTIFICATE_LIFE:
            raise Refusal(Code.TIME_INVALID)  # 8.1.11
        return certificate


def revocation_id(bank: str, wallet: bytes) -> bytes:
    """Id by which a policy revokes a bank's wallet id: 16 bytes, which no certificate of another bank has. SPEC
    2.3."""
    return hashlib.sha256(b"revocation" + codec.encode([bank, wallet])).digest()[:REVOCATION_ID_BYTES]


def _cose_key(key: bytes) -> Cbor:
    """COSE_Key, RFC 9053 section 7.1.1: EC2, P-256, x, and the sign bit of y."""
    return {1: 2, -1: 1, -2: key[1:], -3: key[0] == 3}


def _key_of(value: Cbor) -> bytes:
    parts = codec.mapping(value, _COSE_KEY_PARTS)
    plain = type(parts[1]) is int and type(parts[-1]) is int and (parts[1], parts[-1]) == (2, 1)
    if not plain or type(parts[-3]) is not bool:
        raise Refusal(Code.KEY_INVALID)  # 8.1.12
    return codec.public_key((b"\x03" if parts[-3] else b"\x02") + codec.octets(parts[-2], 32))


_FIXED: Final = (
    len(
        codec.encode(dict.fromkeys(_CLAIMS) | {_CTI: bytes(WALLET_ID_BYTES), _CNF: {1: _cose_key(bytes(33))}})
    )
    - 4
)
"""Bytes of a payload but for the values of its four other claims."""


def check_certificate(signed: Signed[Certificate], directory: Directory) -> None:
    """That a bank of the directory signed it with a key good when it was issued.

    Raises ``Refusal``: BANK_UNKNOWN, CERTIFICATE_SIGNATURE.
    """
    body = signed.body
    for key in directory.bank_keys(body.bank, body.issued):
        if signed.signed_by(key):
            return
    raise Refusal(Code.CERTIFICATE_SIGNATURE, {"bank": body.bank})  # 8.2.3
