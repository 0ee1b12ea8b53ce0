"""The notary's port: who won each token reference, and the one statement that is signed on it.

Rule: the first claim of a reference stands, each reference on its own; the engine behind the port is the judge, by
writes that are conditional, so that any number of writers may overlap. A claim is what one commit won together; each is
signed once (`ledger_sync.notary.attestor`), and never while the engine has anything open. Within a batch earlier items
win; what a batch claims is claimed whole or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from wallet.protocol.cose import Signed
from wallet.protocol.settlement import Commit, Consumption
from wallet.protocol.transfer import TokenRef

Statement = Signed[Consumption]
"""The notary's signed word on who was first."""


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


@dataclass(frozen=True, slots=True)
class Claim:
    """What one commit won: `body` is what is to be said of it, `statement` that, signed, once it is."""

    body: Consumption
    statement: Statement | None


class Store(Protocol):
    """Where claims are kept. Every method may be called by any thread, of any number of processes."""

    def claim(self, batch: Sequence[CommitItem], time: int) -> dict[TokenRef, Claim]:
        """The winner of every reference in ``batch``: what was free is won by the first item that asks for it, at
        ``time`` (unix seconds).

        Everyone sees it from now on. It lasts from the next `attest` on that returns: before that nobody can have been
        told, so that nothing is lost with it in a power cut.
        """

    def attest(self, statements: Sequence[Statement]) -> list[Statement]:
        """The statement that stands on what each of these is about: this one, unless there was one. Durable on return.

        ``Refusal``: INTERNAL (nothing was claimed that it could be about).
        """

    def winners(self, refs: Sequence[TokenRef]) -> dict[TokenRef, Claim]:
        """The winners of those references that have one."""

    def learn(self, statements: Sequence[Statement]) -> list[Statement]:
        """Keep statements of this notary's that others still hold and it may not, their commits unknown; durable on
        return. Gives those that contradict a statement that stands, which are not kept. A claim that was never attested
        gives way, whole: nobody can have been told of it."""

    def earliest_of_last(self, count: int) -> int:
        """The earliest time (unix seconds) that the last ``count`` kept statements are dated; 0 where there are not
        so many."""

    def close(self) -> None: ...
