"""What the ledger signs: a bank's commit, the notary's consumption, the bank's verdict. SPEC section 4.9.

The notary sees token references, transaction ids and the submitting bank, never amounts or owners. The first
commit of a reference stands; verdicts never change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Self

from wallet.protocol import codec, kinds
from wallet.protocol.bounds import ID_BYTES, MAX_CODE_BYTES, MAX_ID_BYTES, MAX_INPUTS
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Directory, Role
from wallet.protocol.kinds import Kind
from wallet.protocol.transfer import TokenRef, Transfer

CENTRAL_BANK = ""
"""The submitter's id when the central bank itself commits: a refund."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A bank asks the notary to consume ``refs`` (sorted) for transaction ``consumer``."""

    KIND: ClassVar[Kind] = kinds.COMMIT

    bank: str
    consumer: bytes
    refs: tuple[TokenRef, ...]
    time: int

    def to_cbor(self) -> Cbor:
        return [self.bank, self.consumer, [ref.to_cbor() for ref in self.refs], self.time]

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        bank, consumer, refs, time = codec.array(value, 4)
        body = cls(
            codec.text(bank, MAX_ID_BYTES),
            codec.octets(consumer, ID_BYTES),
            tuple(TokenRef.from_cbor(ref) for ref in codec.array(refs, least=1, most=MAX_INPUTS)),
            codec.moment(time),
        )
        require(list(body.refs) == sorted(set(body.refs)), Code.INPUTS_UNSORTED)  # 8.1.13
        return body


@dataclass(frozen=True, slots=True)
class Consumption:
    """The notary's word: ``consumer``, submitted by ``bank`` at ``time``, was the first to consume ``refs`` (sorted,
    each once)."""

    KIND: ClassVar[Kind] = kinds.CONSUMPTION

    consumer: bytes
    bank: str
    time: int
    refs: tuple[TokenRef, ...]

    def to_cbor(self) -> Cbor:
        return [self.consumer, self.bank, self.time, [ref.to_cbor() for ref in self.refs]]

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        consumer, bank, time, refs = codec.array(value, 4)
        body = cls(
            codec.octets(consumer, ID_BYTES),
            codec.text(bank, MAX_ID_BYTES),
            codec.moment(time),
            tuple(TokenRef.from_cbor(ref) for ref in codec.array(refs, least=1, most=MAX_INPUTS)),
        )
        require(list(body.refs) == sorted(set(body.refs)), Code.INPUTS_UNSORTED)  # 8.1.13
        return body


class Verdict(IntEnum):
    """End of a transfer at the ledger. CONFLICT: it lost an input itself; SHORT: it descends from one that did."""

    SETTLED = 1
    SHORT = 2
    CONFLICT = 3
    REFUSED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """A bank's verdict: ``values`` are the settled tiyn of each output, face value unless something was lost, none
    where it is refused; ``code`` says why it is not settled, always where it is refused."""

    KIND: ClassVar[Kind] = kinds.SETTLEMENT

    bank: str
    transfer: bytes
    verdict: Verdict
    values: tuple[int, ...]
    code: Code | None
    time: int

    def to_cbor(self) -> Cbor:
        code = None if self.code is None else self.code.value
        return [self.bank, self.transfer, int(self.verdict), list(self.values), code, self.time]

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        bank, transfer, verdict, values, code, time = codec.array(value, 6)
        if type(verdict) is not int or verdict not in set(Verdict):
            raise Refusal(Code.MALFORMED)  # 8.1.4
        body = cls(
            bank=codec.text(bank, MAX_ID_BYTES, least=1),
            transfer=codec.octets(transfer, ID_BYTES),
            verdict=Verdict(verdict),
            values=tuple(codec.amount(item, least=0) for item in codec.array(values, most=2)),
            code=None if code is None else _code(code),
            time=codec.moment(time),
        )
        require(body.code is not None or body.verdict is not Verdict.REFUSED, Code.MALFORMED)  # 8.1.4
        require(body.code is None or body.verdict is not Verdict.SETTLED, Code.MALFORMED)  # 8.1.4
        require(not body.values or body.verdict is not Verdict.REFUSED, Code.MALFORMED)  # 8.1.4
        return body


def _code(value: Cbor) -> Code:
    try:
        return Code(codec.text(value, MAX_CODE_BYTES, least=1))
    except ValueError as error:
        raise Refusal(Code.MALFORMED) from error  # 8.1.4


def check_commit(signed: Signed[Commit], directory: Directory) -> None:
    """That the bank it names signed it, or the redemption key where the central bank commits. BANK_UNKNOWN,
    AUTH_SIGNATURE."""
    body = signed.body
    if body.bank == CENTRAL_BANK:
        keys = directory.keys(Role.REDEMPTION, body.time)
    else:
        keys = directory.bank_keys(body.bank, body.time)
    require(any(signed.signed_by(key) for key in keys), Code.AUTH_SIGNATURE)  # 9.8.2


def check_consumption(signed: Signed[Consumption], directory: Directory) -> None:
    """That a notary key good at its time signed it. NOTARY_SIGNATURE."""
    keys = directory.keys(Role.NOTARY, signed.body.time)
    require(any(signed.signed_by(key) for key in keys), Code.NOTARY_SIGNATURE)  # 8.2.11


def check_settlement(signed: Signed[Settlement], directory: Directory) -> None:
    """That the bank it names signed it. BANK_UNKNOWN, SETTLEMENT_SIGNATURE."""
    keys = directory.bank_keys(signed.body.bank, signed.body.time)
    require(any(signed.signed_by(key) for key in keys), Code.SETTLEMENT_SIGNATURE)  # 8.2.10


def settle_values(transfer: Transfer, input_values: Sequence[int]) -> tuple[int, ...]:
    """The settled tiyn of each output when the inputs bring these: payee before change, never above face.

    ``input_values`` has one entry per input: its settled value where the notary gave it to this transfer, else 0.
    """
    left = sum(input_values)
    values = []
    for face in (transfer.amount, transfer.change) if transfer.change else (transfer.amount,):
        values.append(min(face, left))
        left -= values[-1]
    return tuple(values)
