"""What the ledger signs: a bank's commit, the notary's consumption, the bank's verdict. SPEC section 4.9.

The notary sees token references, transaction ids and the submitting bank, never amounts or owners. The first
commit of a reference stands; verdicts never change. Of each there are two versions, which say the same: the first is
signed alone; the second in a tree with many others, and has a salt, so that whoever sees its hash beside another's
proof cannot find out what it is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final, Self, TypeVar

from wallet.protocol import codec, cose, kinds
from wallet.protocol.bounds import (
    ID_BYTES,
    MAX_CODE_BYTES,
    MAX_ID_BYTES,
    MAX_INPUTS,
    MAX_OBJECT_BYTES,
    SALT_BYTES,
)
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Body, IsHead, Signed, is_head_over
from wallet.protocol.directory import Directory, Role
from wallet.protocol.keys import PublicKey
from wallet.protocol.kinds import Kind
from wallet.protocol.parts import notary_keys
from wallet.protocol.transfer import TokenRef, Transfer, refs_size

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

    def size(self) -> int:
        """Bytes of the payload."""
        return _size_of_refs(self)

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        return cls(*_commit(codec.array(value, 4)))


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

    def size(self) -> int:
        """Bytes of the payload."""
        return _size_of_refs(self)

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        return cls(*_consumption(codec.array(value, 4)))

    def alone(self) -> Consumption:
        """The same in the version that is signed alone."""
        return Consumption(self.consumer, self.bank, self.time, self.refs)


def _commit(fields: Sequence[Cbor]) -> tuple[str, bytes, tuple[TokenRef, ...], int]:
    bank, consumer, refs, time = fields
    said = codec.text(bank, MAX_ID_BYTES), codec.octets(consumer, ID_BYTES), _refs(refs), codec.moment(time)
    _check_order(said[2])
    return said


def _consumption(fields: Sequence[Cbor]) -> tuple[bytes, str, int, tuple[TokenRef, ...]]:
    consumer, bank, time, refs = fields
    said = codec.octets(consumer, ID_BYTES), codec.text(bank, MAX_ID_BYTES), codec.moment(time), _refs(refs)
    _check_order(said[3])
    return said


def _refs(value: Cbor) -> tuple[TokenRef, ...]:
    return tuple([TokenRef.from_cbor(ref) for ref in codec.array(value, least=1, most=MAX_INPUTS)])


def _check_order(refs: tuple[TokenRef, ...]) -> None:
    if len(refs) > 1:
        require(list(refs) == sorted(set(refs)), Code.INPUTS_UNSORTED)  # 8.1.13


def _size_of_refs(body: Commit | Consumption) -> int:
    fixed = 1 + codec.string_size(ID_BYTES)
    return fixed + codec.text_size(body.bank) + refs_size(body.refs) + codec.head_size(body.time)


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

    def size(self) -> int:
        """Bytes of the payload."""
        head = codec.head_size
        values = head(len(self.values)) + sum([head(value) for value in self.values])
        code = 1 if self.code is None else codec.text_size(self.code.value)
        fixed = 1 + codec.string_size(ID_BYTES) + head(self.verdict)
        return fixed + codec.text_size(self.bank) + values + code + head(self.time)

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

    def alone(self) -> Settlement:
        """The same in the version that is signed alone."""
        return Settlement(
            bank=self.bank,
            transfer=self.transfer,
            verdict=self.verdict,
            values=self.values,
            code=self.code,
            time=self.time,
        )


def _code(value: Cbor) -> Code:
    try:
        return Code(codec.text(value, MAX_CODE_BYTES, least=1))
    except ValueError as error:
        raise Refusal(Code.MALFORMED) from error  # 8.1.4


@dataclass(frozen=True, slots=True)
class Commit2(Commit):
    """The second version: with a salt (16 bytes), signed in a batch."""

    KIND: ClassVar[Kind] = kinds.COMMIT_2

    salt: bytes

    def to_cbor(self) -> Cbor:
        return [self.salt, *Commit.to_cbor(self)]

    def size(self) -> int:
        """Bytes of the payload."""
        return codec.string_size(SALT_BYTES) + Commit.size(self)

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        salt, *fields = codec.array(value, 5)
        return cls(*_commit(fields), codec.octets(salt, SALT_BYTES))


@dataclass(frozen=True, slots=True)
class Consumption2(Consumption):
    """The second version: with a salt (16 bytes), signed in the notary's log."""

    KIND: ClassVar[Kind] = kinds.CONSUMPTION_2

    salt: bytes

    def to_cbor(self) -> Cbor:
        return [self.salt, *Consumption.to_cbor(self)]

    def size(self) -> int:
        """Bytes of the payload."""
        return codec.string_size(SALT_BYTES) + Consumption.size(self)

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        salt, *fields = codec.array(value, 5)
        return cls(*_consumption(fields), codec.octets(salt, SALT_BYTES))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement2(Settlement):
    """The second version: with a salt (16 bytes), signed in a batch."""

    KIND: ClassVar[Kind] = kinds.SETTLEMENT_2

    salt: bytes

    def to_cbor(self) -> Cbor:
        return [self.salt, *Settlement.to_cbor(self)]

    def size(self) -> int:
        """Bytes of the payload."""
        return codec.string_size(SALT_BYTES) + Settlement.size(self)

    @classmethod
    def from_cbor(cls, value: Cbor) -> Self:
        salt, *fields = codec.array(value, 7)
        said = Settlement.from_cbor(fields)
        return cls(
            bank=said.bank,
            transfer=said.transfer,
            verdict=said.verdict,
            values=said.values,
            code=said.code,
            time=said.time,
            salt=codec.octets(salt, SALT_BYTES),
        )


COMMITS: Final[tuple[type[Commit], ...]] = (Commit2, Commit)
CONSUMPTIONS: Final[tuple[type[Consumption], ...]] = (Consumption2, Consumption)
SETTLEMENTS: Final[tuple[type[Settlement], ...]] = (Settlement2, Settlement)
"""Every version of each that is read here."""


_V = TypeVar("_V", bound=Body)


def body_of(versions: Sequence[type[_V]], payload: bytes) -> _V:
    """The body in a payload of any of these versions, which differ in their number of fields. The codes of SPEC 8.1."""
    value = codec.decode(payload, MAX_OBJECT_BYTES)
    for version in versions[:-1]:
        with contextlib.suppress(Refusal):
            return version.from_cbor(value)
    return versions[-1].from_cbor(value)


def read_commit(value: Cbor) -> Signed[Commit]:
    """A commit of either version. The codes of SPEC 8.1."""
    return cose.one_of(COMMITS, value)


def read_consumption(value: Cbor) -> Signed[Consumption]:
    """A consumption of either version. The codes of SPEC 8.1."""
    return cose.one_of(CONSUMPTIONS, value)


def parse_consumption(raw: bytes) -> Signed[Consumption]:
    """``read_consumption`` of bytes."""
    return codec.read(raw, MAX_OBJECT_BYTES, read_consumption)


def read_settlement(value: Cbor) -> Signed[Settlement]:
    """A settlement of either version. The codes of SPEC 8.1."""
    return cose.one_of(SETTLEMENTS, value)


def check_commit(signed: Signed[Commit], directory: Directory, is_head: IsHead = is_head_over) -> None:
    """That the bank it names signed it, or the redemption key where the central bank commits. BANK_UNKNOWN,
    AUTH_SIGNATURE."""
    body = signed.body
    at = signed.signed_at(body.time)
    if body.bank == CENTRAL_BANK:
        keys = directory.keys(Role.REDEMPTION, at)
    else:
        keys = directory.bank_keys(body.bank, at)
    require(_is_signed(signed, body.time, keys, is_head), Code.AUTH_SIGNATURE)  # 9.8.2


def check_consumption(
    signed: Signed[Consumption], directory: Directory, is_head: IsHead = is_head_over
) -> None:
    """That a notary key good when it was signed, for all that it consumes, made the signature. NOTARY_SIGNATURE."""
    time = signed.body.time
    keys = notary_keys(directory, signed.body.refs, signed.signed_at(time))
    require(_is_signed(signed, time, keys, is_head), Code.NOTARY_SIGNATURE)  # 8.2.11


def check_settlement(
    signed: Signed[Settlement], directory: Directory, is_head: IsHead = is_head_over
) -> None:
    """That the bank it names signed it. BANK_UNKNOWN, SETTLEMENT_SIGNATURE."""
    time = signed.body.time
    keys = directory.bank_keys(signed.body.bank, signed.signed_at(time))
    require(_is_signed(signed, time, keys, is_head), Code.SETTLEMENT_SIGNATURE)  # 8.2.10


def _is_signed(signed: Signed[Body], time: int, keys: Iterable[PublicKey], is_head: IsHead) -> bool:
    """Whether one of ``keys`` signed it, not before the ``time`` that it says. SPEC 2.5."""
    return time <= signed.signed_at(time) and any(signed.signed_by(key, is_head) for key in keys)


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
