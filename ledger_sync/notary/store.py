"""The notary's port: who won each token reference, and what is signed of it.

Rule: the first claim of a reference stands, each reference on its own; the engine behind the port is the judge, by
writes that are conditional, so that any number of writers may overlap. A claim is what one commit won together: it is
an entry of the log, and may have one statement that is signed alone (`ledger_sync.notary.attestor`). Nothing is signed
while the engine has anything open. Within a batch earlier items win; what a batch claims is claimed whole or not at
all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ledger_sync.notary.log import Log, Put, SignedTip, Statement
from wallet.protocol.cose import Signed
from wallet.protocol.log import LogHead
from wallet.protocol.settlement import Commit, Consumption
from wallet.protocol.transfer import TokenRef


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
    """What one commit won: `body` is what is to be said of it, `statement` that, signed alone, once it is. `put`: where
    it was put into the log, known to whoever did so just now."""

    body: Consumption
    statement: Statement | None
    put: Put | None = field(default=None, compare=False, repr=False)


class Store(Protocol):
    """Where claims are kept. Every method may be called by any thread, of any number of processes."""

    @property
    def log(self) -> Log:
        """The log of all claims, in the order in which they were made."""

    def claim(self, batch: Sequence[CommitItem], time: int) -> dict[TokenRef, Claim]:
        """The winner of every reference in ``batch``: what was free is won by the first item that asks for it, at
        ``time`` (unix seconds).

        Everyone sees it from now on. It lasts from the next `attest` or `answer` on that returns: before that nobody
        can have been told, so that nothing is lost with it in a power cut.
        """

    def attest(self, statements: Sequence[Statement], signed: SignedTip | None = None) -> list[Statement]:
        """The statement that stands on what each of these is about: this one, unless there was one. The head
        in ``signed`` is the log's newest from now on, unless a newer one stands. It is dropped where the log does not
        go on from that tip: what was seen there was lost before it was durable, and nobody was told.

        On return they are durable, and with them all that was read before the call: something is written even where
        nothing is attested. ``Refusal``: INTERNAL (nothing was claimed that it could be about).
        """

    def answer(self, signed: SignedTip | None = None) -> LogHead | None:
        """As `attest` of nothing. Gives the log's newest head; None where it has none."""

    def complete(self) -> None:
        """Have every claim in the log; durable on return. One that begins anew has none before the next is claimed."""

    def winners(self, refs: Sequence[TokenRef]) -> dict[TokenRef, Claim]:
        """The winners of those references that have one."""

    def learn(self, statements: Sequence[Statement]) -> list[Statement]:
        """Keep statements of this notary's that others still hold and it may not, signed alone or in the log, their
        commits unknown; durable on return. Gives those that contradict what somebody may have been told, which are not
        kept. A claim that was neither attested nor in a head gives way, whole: nobody can have been told of it."""

    def see(self, heads: Sequence[LogHead]) -> None:
        """Where one of these heads of this notary's is of its log and does not fit, that log lost what it was over:
        another begins, with all that is known."""

    def begin_anew(self) -> None:
        """It may have lost leaves that nobody who is asked knows of: another log begins, with all that is known. Again
        is harmless; durable on return."""

    def own(self, bank: str, since: int, after: int) -> tuple[int, list[Claim]]:
        """A page of what ``bank`` consumed, dated ``since`` (unix seconds) or later, of the claims after number
        ``after``; and the number up to which it was looked for, ``after`` where no claim is left. A page may be
        empty with more to come."""

    def earliest_of_last(self, count: int) -> int:
        """The earliest time (unix seconds) that the last ``count`` claims are dated of which somebody may have been
        told; 0 where there are not so many."""

    def close(self) -> None: ...
