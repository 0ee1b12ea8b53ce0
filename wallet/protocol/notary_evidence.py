"""Evidence against the notary: two things that it signed, of which only one can be true. Anyone who holds the central
bank's root can check it.

Rule: what the notary did not say, or does not answer, is no evidence. SPEC section 4.15.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Self

from wallet.protocol import codec
from wallet.protocol.bounds import MAX_OBJECT_BYTES
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Directory
from wallet.protocol.log import Growth, LogHead, check_head, continues, leads
from wallet.protocol.settlement import Consumption, check_consumption, read_consumption
from wallet.protocol.transfer import TokenRef


class NotaryContradiction(IntEnum):
    """What was said twice. The numbers go on where those of ``evidence.Contradiction`` end."""

    TWO_CONSUMERS = 3
    TWO_ENTRIES = 4
    TWO_HISTORIES = 5


@dataclass(frozen=True, slots=True)
class TwoConsumers:
    """Two consumptions of one reference, for two transactions or by two banks; in order of their ids."""

    kind: ClassVar[NotaryContradiction] = NotaryContradiction.TWO_CONSUMERS

    first: Signed[Consumption]
    second: Signed[Consumption]

    def to_cbor(self) -> Cbor:
        return [int(self.kind), self.first.to_cbor(), self.second.to_cbor()]

    def check(self, directory: Directory) -> TokenRef:
        """The lowest reference that both consume. NOTARY_SIGNATURE, EVIDENCE_INVALID."""
        check_consumption(self.first, directory)
        check_consumption(self.second, directory)
        one, other = self.first.body, self.second.body
        shared = set(one.refs) & set(other.refs)
        require(self.first.id < self.second.id and bool(shared), Code.EVIDENCE_INVALID)  # 8.2.12
        differ = (one.consumer, one.bank) != (other.consumer, other.bank)
        require(differ, Code.EVIDENCE_INVALID)  # 8.2.12
        return min(shared)


@dataclass(frozen=True, slots=True)
class TwoEntries:
    """Two consumptions, each in an entry of its own, of which both were shown to be the same one of the same log; in
    order of their ids."""

    kind: ClassVar[NotaryContradiction] = NotaryContradiction.TWO_ENTRIES

    first: Signed[Consumption]
    second: Signed[Consumption]

    def to_cbor(self) -> Cbor:
        return [int(self.kind), self.first.to_cbor(), self.second.to_cbor()]

    def check(self, directory: Directory) -> tuple[int, int]:
        """The log and the index in it. NOTARY_SIGNATURE, EVIDENCE_INVALID."""
        check_consumption(self.first, directory)
        check_consumption(self.second, directory)
        one, other = self.first.leaf, self.second.leaf
        if one is None or other is None or one.extent.log is None:
            raise Refusal(Code.EVIDENCE_INVALID)  # 8.2.12
        same = (one.extent.log, one.path.index) == (other.extent.log, other.path.index)
        require(self.first.id < self.second.id and same, Code.EVIDENCE_INVALID)  # 8.2.12
        differ = one.leaf_hash(self.first.payload) != other.leaf_hash(self.second.payload)
        require(differ, Code.EVIDENCE_INVALID)  # 8.2.12
        return one.extent.log, one.path.index


@dataclass(frozen=True, slots=True)
class TwoHistories:
    """Two heads of one log, in order of their sizes, then roots, and what the notary answered of how it grew from one
    to the other: at the size of the first it had another root."""

    kind: ClassVar[NotaryContradiction] = NotaryContradiction.TWO_HISTORIES

    older: LogHead
    newer: LogHead
    growth: Growth

    @classmethod
    def of(cls, one: LogHead, other: LogHead, growth: Growth | None = None) -> Self | None:
        """The evidence in two heads of one log, checked; those of one size need no ``growth``. None where one
        continues the other. LOG_UNPROVED."""
        older, newer = sorted((one, other), key=lambda head: (head.extent.size, head.root))
        if growth is None:
            growth = Growth(newer.root, older.extent.size, newer.extent.size, ())
        return None if continues(older, newer, growth) else cls(older, newer, growth)

    def to_cbor(self) -> Cbor:
        return [int(self.kind), self.older.to_cbor(), self.newer.to_cbor(), self.growth.to_cbor()]

    def check(self, directory: Directory) -> tuple[int, int]:
        """The log and the size at which it had two roots. NOTARY_SIGNATURE, EVIDENCE_INVALID."""
        older, newer = self.older, self.newer
        check_head(older, directory)
        check_head(newer, directory)
        log, size = older.extent.log, older.extent.size
        led = log is not None and leads(older, newer, self.growth)
        require(led and self.growth.root != older.root, Code.EVIDENCE_INVALID)  # 8.2.12
        in_order = (size, older.root) < (newer.extent.size, newer.root)
        require(in_order, Code.EVIDENCE_INVALID)  # 8.2.12
        return log or 0, size


NotaryEvidence = TwoConsumers | TwoEntries | TwoHistories


def between(one: Signed[Consumption], other: Signed[Consumption]) -> TwoConsumers | TwoEntries | None:
    """The evidence in two consumptions, signed by the notary, or None where both can be true."""
    first, second = sorted((one, other), key=lambda statement: statement.id)
    if set(one.body.refs) & set(other.body.refs) and (one.body.consumer, one.body.bank) != (
        other.body.consumer,
        other.body.bank,
    ):
        return TwoConsumers(first, second)
    here, there = one.leaf, other.leaf
    if here is None or there is None or here.extent.log != there.extent.log:
        return None
    if here.path.index != there.path.index or here.leaf_hash(one.payload) == there.leaf_hash(other.payload):
        return None
    return TwoEntries(first, second)


def is_against_the_notary(value: Cbor) -> bool:
    """Whether what was decoded says of itself that it is evidence of these kinds, and not of two transfers."""
    return (
        type(value) is list and bool(value) and type(value[0]) is int and value[0] in set(NotaryContradiction)
    )


def read_notary_evidence(value: Cbor) -> NotaryEvidence:
    """The codes of SPEC 8.1."""
    if not is_against_the_notary(value):
        raise Refusal(Code.MALFORMED)  # 8.1.4
    kind = NotaryContradiction(value[0])
    if kind is NotaryContradiction.TWO_HISTORIES:
        _, older, newer, growth = codec.array(value, 4)
        return TwoHistories(LogHead.from_cbor(older), LogHead.from_cbor(newer), Growth.from_cbor(growth))
    _, first, second = codec.array(value, 3)
    made = TwoConsumers if kind is NotaryContradiction.TWO_CONSUMERS else TwoEntries
    return made(read_consumption(first), read_consumption(second))


def parse_notary_evidence(raw: bytes) -> NotaryEvidence:
    """The evidence in ``raw``. The codes of SPEC 8.1."""
    return read_notary_evidence(codec.decode(raw, 3 * MAX_OBJECT_BYTES))
