"""The notary's log as its readers know it: an RFC 9162 tree whose leaves are salted commitments to what was said.

Rule: a leaf tells nothing without its entry, which is for the bank that committed, for rivals of that, and for
auditors; heads and proofs are for everyone whom the notary serves. A log has a number: a notary that was put back from
a backup, and lost leaves, begins another one with all that it then knows, and says so by the number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from wallet.protocol.cose import Signed
from wallet.protocol.log import LogHead
from wallet.protocol.merkle import Place, folded
from wallet.protocol.settlement import Consumption, Consumption2
from wallet.protocol.transfer import TokenRef

Statement = Signed[Consumption]
"""The notary's signed word on who was first."""


@dataclass(frozen=True, slots=True)
class Tip:
    """Where a log ends: its number, its leaves, the roots of their complete subtrees, the latest date in it (unix
    seconds), and its newest signed head."""

    number: int
    size: int
    subtrees: tuple[bytes, ...]
    time: int
    head: LogHead | None

    @property
    def root(self) -> bytes:
        return folded(self.subtrees)


@dataclass(frozen=True, slots=True)
class SignedTip:
    """A head that nobody was told yet, and where the log ended when it was signed; whether the head before it stays
    beside it, for what it alone is good for."""

    tip: Tip
    head: LogHead
    keeps: bool = False


@dataclass(frozen=True, slots=True)
class Grown:
    """What one batch made of a log: where it ended then, and the complete subtrees through which paths to what was put
    there lead."""

    tip: Tip
    nodes: Mapping[Place, bytes]


@dataclass(frozen=True, slots=True)
class Put:
    """What was put into the log just now: its index, what it says, as it is encoded, and what the log became by it."""

    index: int
    said: Consumption2
    payload: bytes
    grown: Grown


@dataclass(frozen=True, slots=True)
class Logged:
    """Where a claim stands in the log, and what is shown of it: its index, and the encoded consumption with its salt,
    which its leaf commits to."""

    index: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """What a leaf commits to: its index, the encoded consumption with its salt, that as it was signed alone (None where
    it never was), and the commit that asked for it (empty where that is with the bank that it names)."""

    index: int
    payload: bytes
    statement: Statement | None
    proof: bytes


class Log(Protocol):
    """A log to be read. Every method may be called by any thread."""

    def tip(self) -> Tip: ...

    def head(self) -> LogHead | None:
        """The newest head that was signed; None before the first."""

    def root(self, size: int) -> bytes:
        """The root over the first ``size`` leaves, at most as many as there are."""

    def inclusions(self, indices: Sequence[int], size: int) -> list[tuple[bytes, ...]]:
        """Proof for each of these leaves that it is among the first ``size``; ``IndexError`` where one is not."""

    def consistency(self, first: int, second: int) -> tuple[bytes, ...]:
        """Proof that the first ``first`` leaves begin the first ``second``; ``IndexError`` where they do not."""

    def kept_heads(self) -> list[LogHead]:
        """Heads that were followed by such as are not good for all that they are over, the latest first. What they are
        over stands at their sizes, whatever the number of the log is by now."""

    def openings(self, refs: Iterable[TokenRef]) -> dict[TokenRef, Logged]:
        """Where the claim stands by which each reference was consumed, of those that were."""

    def entries(self, begin: int, end: int) -> list[Entry]:
        """The entries from index ``begin`` to before ``end``."""
