"""The notary's port: `commit(batch) -> verdicts`, and the rule that every backend behind it keeps.

Rule: the first commit of a reference stands, each reference on its own. The same again, from whichever bank, is
answered with the very same statements, signature included. Within a batch earlier items win. Statements are
durable, with their signature, before anyone sees them; a batch is stored whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from wallet.protocol import cose
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import Commit, Consumption
from wallet.protocol.transfer import TokenRef

Statement = Signed[Consumption]
"""The notary's signed word on who was first."""

Verdicts = tuple[Statement, ...]
"""The statements that cover each reference of one commit, the winners' where it lost, each once."""

Sign = Callable[[Consumption], Statement]


@dataclass(frozen=True, slots=True)
class CommitItem:
    """One commit whose signature was checked: `bank` asks to consume `refs` (sorted, distinct) for `consumer`.

    `proof` is the signed commit itself; it shows that the bank did ask.
    """

    bank: str
    consumer: bytes
    refs: tuple[TokenRef, ...]
    proof: bytes

    @classmethod
    def of(cls, signed: Signed[Commit]) -> CommitItem:
        return cls(signed.body.bank, signed.body.consumer, signed.body.refs, signed.encode())


class Store(Protocol):
    """Where consumed references are kept. `commit` is called by one thread at a time, `lookup` by any."""

    def commit(self, batch: Sequence[CommitItem]) -> list[Verdicts]:
        """Decide every item, in order; durable on return. The verdicts stand in the order of the items."""

    def lookup(self, refs: Sequence[TokenRef]) -> list[Statement | None]:
        """The statement on each reference, None where nothing has consumed it."""

    def learn(self, statements: Sequence[Statement]) -> list[Statement]:
        """Keep statements of this notary's that others still hold and it may not, their commits unknown; durable on
        return. Gives those that contradict what stands, which are not kept."""

    def earliest_of_last(self, count: int) -> int:
        """The earliest time (unix seconds) that the last ``count`` kept statements are dated; 0 where there are not
        so many."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Decision:
    """What a batch comes to: the new statements with the proofs they rest on, and every item's verdicts."""

    made: tuple[tuple[Statement, bytes], ...]
    verdicts: tuple[Verdicts, ...]


def decide(
    batch: Sequence[CommitItem], standing: Mapping[TokenRef, Statement], sign: Sign, time: int
) -> Decision:
    """Decide a batch in order, given the statements that stand on its references already."""
    winners = dict(standing)
    made: list[tuple[Statement, bytes]] = []
    verdicts: list[Verdicts] = []
    for item in batch:
        free = tuple(ref for ref in item.refs if ref not in winners)
        if free:
            statement = sign(Consumption(item.consumer, item.bank, time, free))
            made.append((statement, item.proof))
            winners.update(dict.fromkeys(free, statement))
        covering = {winners[ref].id: winners[ref] for ref in item.refs}
        verdicts.append(tuple(covering.values()))
    return Decision(tuple(made), tuple(verdicts))


@dataclass(frozen=True, slots=True)
class Learnt:
    """What relearning comes to: statements to keep, and those that contradict what stands."""

    fresh: tuple[Statement, ...]
    contradicting: tuple[Statement, ...]


def relearn(statements: Sequence[Statement], standing: Mapping[TokenRef, Statement]) -> Learnt:
    """Sort what others hold of this notary's word, given the statements that stand on their references."""
    known = dict(standing)
    fresh: list[Statement] = []
    contradicting: list[Statement] = []
    for statement in statements:
        refs = statement.body.refs
        others = {known[ref].id for ref in refs if ref in known} - {statement.id}
        if others:
            contradicting.append(statement)
        elif not all(ref in known for ref in refs):
            fresh.append(statement)
            known.update(dict.fromkeys(refs, statement))
    return Learnt(tuple(fresh), tuple(contradicting))


def read_statement(raw: bytes) -> Statement:
    """A statement as a backend has it stored. INTERNAL if the store was tampered with."""
    try:
        return cose.parse(Consumption, raw)
    except Refusal as refusal:
        raise Refusal(Code.INTERNAL) from refusal
