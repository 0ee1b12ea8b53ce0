"""Settlements: which valid transfers are to be committed, what is decided of each, and its verdict.

Rule: a verdict stands for ever once it is written. A transfer's stage changes on a condition, and where that took
effect is said: of two that settle one transfer, one does. What may have become possible to answer is noted in the
transaction that makes it so, and stays noted until somebody has looked while nothing more came.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from wallet.protocol.certificate import Certificate
from wallet.protocol.codes import Code
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import Consumption, Settlement
from wallet.protocol.transfer import TokenRef, Transfer


@dataclass(frozen=True, slots=True)
class Input:
    """What a transfer consumes. ``worth``: its settled tiyn, None while it has no verdict; ``consumer``: who was first
    by the notary's word, None while that is not known; ``evidence``: its name, where its maker's verdict shows some."""

    ref: TokenRef
    worth: int | None
    consumer: bytes | None
    evidence: bytes | None


@dataclass(frozen=True, slots=True)
class Case:
    """A transfer that is to have a verdict, as ``owner`` signed it, who owns its inputs.

    ``signer``: the certificate under which it is valid, None where it was decided before it was judged. ``refusal``:
    why it is invalid for ever. ``noted``: the number under which it is noted, None where it is not.
    """

    transfer: Signed[Transfer]
    owner: bytes
    signer: Signed[Certificate] | None
    inputs: tuple[Input, ...]
    refusal: Code | None
    noted: int | None


@dataclass(frozen=True, slots=True)
class Answer:
    """A signed verdict, and the name of its evidence."""

    settlement: Signed[Settlement]
    evidence: bytes | None


@dataclass(frozen=True, slots=True)
class Told:
    """A verdict with what goes with it: the notary's words on the inputs (none where it is refused), and evidence."""

    settlement: Signed[Settlement]
    statements: tuple[Signed[Consumption], ...]
    evidence: bytes | None


class Settlements(Protocol):
    """A part of its storage: reads and writes within the caller's transaction, where there is one."""

    # to be committed

    def claim(
        self, most: int, now: int, until: int, among: Collection[bytes] | None = None
    ) -> Sequence[Signed[Transfer]]:
        """Valid transfers, ancestors first, that from now on are the caller's to commit: nobody else's before ``until``
        (unix seconds), unless they are released. Of those ``among`` these ids, where some are given, also what is
        reserved for who names it (`Transfers.make_valid`)."""

    def release(self, txids: Collection[bytes]) -> None:
        """The caller has not committed what it claimed: others may."""

    def release_all(self) -> None:
        """A start: nobody is at what was claimed. Where somebody is, one of two will take effect."""

    def note(self, statements: Collection[Signed[Consumption]], *, are_ours: bool) -> Sequence[TokenRef]:
        """Keep the notary's words; the references of which nothing was known before. ``are_ours``: they answer commits
        of this bank, so that what was consumed needs no refund."""

    def last_heard(self) -> int:
        """The latest date of the notary's words that were ever heard (unix seconds); 0 where none was."""

    def committed(self, txids: Collection[bytes]) -> None:
        """The notary has decided about them. Takes effect on valid ones."""

    def waiting_for(self, refs: Collection[TokenRef]) -> Sequence[bytes]:
        """Transfers that consume any of these, and wait."""

    # to be answered

    def refuse(self, txid: bytes, code: Code) -> None:
        """Note that it is invalid for ever, of one that is decided."""

    def refusal(self, txid: bytes) -> Code | None:
        """Why it is refused, answered or not; None where it is not."""

    def look_at(self, txids: Collection[bytes]) -> None:
        """Note that they may be answered now: those of them that are decided and have no verdict."""

    def noted(self, most: int, among: Collection[bytes] | None = None) -> Sequence[Case]:
        """What is noted, longest first; of those ``among`` these ids, and of what consumes an output of theirs, where
        some are given."""

    def looked_at(self, cases: Collection[Case]) -> None:
        """Nothing can be said of them yet: they are noted no longer, but for those that were noted again meanwhile."""

    def cases(self, txids: Collection[bytes]) -> Sequence[Case]:
        """Those that are valid or decided and have no verdict, in this order."""

    def answer(self, answers: Collection[Answer]) -> Collection[bytes]:
        """Write verdicts on transfers that are valid or decided and have none; the ids of those. Their outputs are
        worth what the verdicts say, they wait for nothing, and what descends from them and is decided is noted."""

    # to be told

    def answered(self, txids: Collection[bytes]) -> Mapping[bytes, int]:
        """When these got their verdicts (unix seconds), of those that have one."""

    def concerning(self, txids: Collection[bytes], uploader: str, account: str) -> Sequence[bytes]:
        """Those of these that ``uploader`` brought or that are listed for ``account``."""

    def told(self, txids: Collection[bytes]) -> Mapping[bytes, Told]:
        """The verdicts on these, of those that have one."""

    def alone(self, txids: Collection[bytes]) -> Mapping[bytes, Signed[Settlement]]:
        """Of verdicts that were signed with others, the version that was signed alone, where one is kept."""

    def keep_alone(self, signed: Collection[tuple[Signed[Settlement], Signed[Settlement]]]) -> None:
        """Keep of each verdict the version that was signed alone, where it is told and none is kept."""
