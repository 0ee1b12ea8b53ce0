"""Who consumed which token, as it was when money was paid for it, and the notary's words on the central bank's commits.

Rule: the first consumer that is kept of a token stands. Words are counted as they come, so that a notary that lost them
can be told, and no number is skipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from wallet.protocol.cose import Signed
from wallet.protocol.settlement import Consumption
from wallet.protocol.transfer import TokenRef


class Winners(Protocol):
    """Consumers are ids of transfers or refunds, 32 bytes."""

    def keep(self, ref: TokenRef, consumer: bytes) -> bytes:
        """The consumer that stands: this one, unless there was one."""

    def hear(self, statement: Signed[Consumption]) -> bool:
        """Whether the statement is new."""

    def heard(self, since: int, after: int) -> tuple[int, Sequence[Signed[Consumption]]]:
        """A page of those dated ``since`` (unix seconds) or later, after number ``after`` of their coming; and the
        number of its last (0 for an empty page)."""

    def last_heard(self) -> int:
        """The latest date of the words that were ever heard (unix seconds); 0 where none was."""
