"""The transfer: tokens of one owner key change hands, signed by that key. SPEC section 4.5.

Output 0 pays ``payee``; output 1, if there is one, is the change back to the signer. A transfer that pays the
central bank's redemption key is a redemption: in place of the request it answers it signs what shall become of
the money.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Self

from wallet.protocol import codec, kinds
from wallet.protocol.bounds import (
    ID_BYTES,
    KEY_BYTES,
    MAX_AMOUNTS,
    MAX_INPUTS,
    MAX_SEQUENCE,
    MAX_SUM,
    REQUEST_REF_BYTES,
)
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.kinds import Kind


class TokenRef(NamedTuple):
    """A token's name: the id (32 bytes) of the issuance or transfer that made it, and which output."""

    txid: bytes
    output: int

    def to_cbor(self) -> Cbor:
        return [self.txid, self.output]

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        txid, output = codec.array(value, 2)
        return cls(codec.octets(txid, ID_BYTES), codec.uint(output, MAX_AMOUNTS - 1))

    def __str__(self) -> str:
        return f"{self.txid.hex()}:{self.output}"


def refs_size(refs: Sequence[TokenRef]) -> int:
    """Bytes of the one encoding of a list of them."""
    size = codec.head_size(len(refs)) + (1 + 2 + ID_BYTES) * len(refs)
    for ref in refs:
        size += codec.head_size(ref.output)
    return size


@dataclass(frozen=True, slots=True)
class Refresh:
    """Redemption: new tokens of these amounts (tiyn, the sum redeemed) at hop 0 for ``owner``."""

    owner: bytes
    amounts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ToAccount:
    """Redemption: the money goes to the signer's digital account (defunding)."""


@dataclass(frozen=True, slots=True)
class ToPayer:
    """Redemption: a payee refuses after signing; the money goes back to the key that paid."""

    payer: bytes


Redemption = Refresh | ToAccount | ToPayer
Purpose = bytes | Redemption
"""The request ref (16 bytes) that is answered, or what becomes of redeemed money."""

_REFRESH, _TO_ACCOUNT, _TO_PAYER = 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """``amount`` and ``change`` (0: none) in tiyn; ``total`` the purse's running total of what it has paid away,
    this payment included; ``sequence`` counts the purse's transfers over all its keys; ``time`` in unix seconds.
    """

    KIND: ClassVar[Kind] = kinds.TRANSFER

    inputs: tuple[TokenRef, ...]
    payee: bytes
    amount: int
    change: int
    purpose: Purpose
    sequence: int
    total: int
    time: int

    @property
    def redemption(self) -> Redemption | None:
        """Redemption that the transfer asks for; None for a payment."""
        return None if isinstance(self.purpose, bytes) else self.purpose

    def answers(self, request_ref: bytes) -> bool:
        """Whether the transfer pays the request of this reference (16 bytes)."""
        return self.purpose == request_ref

    def to_cbor(self) -> Cbor:
        return [
            [ref.to_cbor() for ref in self.inputs],
            self.payee,
            self.amount,
            self.change,
            _purpose_to_cbor(self.purpose),
            self.sequence,
            self.total,
            self.time,
        ]

    def size(self) -> int:
        """Bytes of the payload."""
        head, purpose = codec.head_size, self.purpose
        numbers = (
            head(self.amount) + head(self.change) + head(self.sequence) + head(self.total) + head(self.time)
        )
        said = (
            1 + REQUEST_REF_BYTES if type(purpose) is bytes else len(codec.encode(_purpose_to_cbor(purpose)))
        )
        return 1 + refs_size(self.inputs) + 2 + KEY_BYTES + numbers + said

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        inputs, payee, amount, change, purpose, sequence, total, time = codec.array(value, 8)
        body = cls(
            inputs=tuple([TokenRef.from_cbor(ref) for ref in codec.array(inputs, least=1, most=MAX_INPUTS)]),
            payee=codec.public_key(payee),
            amount=codec.amount(amount),
            change=codec.amount(change, least=0),
            purpose=_purpose_from_cbor(purpose),
            sequence=codec.uint(sequence, MAX_SEQUENCE),
            total=codec.amount(total, least=0),
            time=codec.moment(time),
        )
        if body.amount + body.change > MAX_SUM:
            raise Refusal(Code.AMOUNT_INVALID)  # 8.1.10
        if len(body.inputs) > 1:
            require(list(body.inputs) == sorted(set(body.inputs)), Code.INPUTS_UNSORTED)  # 8.1.13
        return body


def _purpose_to_cbor(purpose: Purpose) -> Cbor:
    match purpose:
        case Refresh(owner, amounts):
            return [_REFRESH, owner, list(amounts)]
        case ToAccount():
            return [_TO_ACCOUNT]
        case ToPayer(payer):
            return [_TO_PAYER, payer]
        case _:
            return purpose


def _purpose_from_cbor(value: Cbor) -> Purpose:
    if type(value) is bytes:
        return codec.octets(value, REQUEST_REF_BYTES)
    parts = codec.array(value, least=1)
    if type(parts[0]) is not int:
        raise Refusal(Code.MALFORMED)  # 8.1.4
    match parts:
        case [0, owner, amounts]:
            listed = codec.array(amounts, least=1, most=MAX_AMOUNTS)
            return Refresh(codec.public_key(owner), tuple(codec.amount(item) for item in listed))
        case [1]:
            return ToAccount()
        case [2, payer]:
            return ToPayer(codec.public_key(payer))
        case _:
            raise Refusal(Code.MALFORMED)  # 8.1.4
