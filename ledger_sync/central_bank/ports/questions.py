"""What banks were asked to show: by token, the consumer for which one had it consumed, and how that ended.

Rule: a question ends once, by what was shown or by that the bank has failed, and never changes then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from wallet.protocol.cose import Signed
from wallet.protocol.transfer import TokenRef, Transfer


@dataclass(frozen=True, slots=True)
class Question:
    """A token and its owner's key, asked about since `since` (unix seconds); `consumer` is empty where it ended before
    there were questions. Open while nothing is `shown` and it has not `failed`."""

    ref: TokenRef
    consumer: bytes
    owner: bytes
    since: int
    shown: Signed[Transfer] | None
    failed: bool


class Questions(Protocol):
    """Times in unix seconds."""

    def ask(self, ref: TokenRef, consumer: bytes, bank: str, owner: bytes, now: int) -> Question:
        """The question about a token that stands: this one, unless there was one."""

    def about(self, refs: Sequence[TokenRef]) -> Sequence[Question]:
        """The questions about these tokens."""

    def bring(self, transfer: Signed[Transfer], signer: bytes) -> None:
        """Keep a transfer that ``signer`` (33 bytes) signed."""

    def brought(self, consumer: bytes, signer: bytes) -> Signed[Transfer] | None:
        """The transfer of this id by this signer, if it was ever brought."""

    def open(self, consumer: bytes) -> Sequence[Question]:
        """What is open about one consumer."""

    def due(self, bank: str | None, now: int, wait: int, most: int) -> Sequence[tuple[str, bytes]]:
        """Bank and consumer of what is open and due, of one bank or of all, what is due first at first. What is due
        more than ``wait`` from now was put off by a clock that was wrong, and is due."""

    def show(self, ref: TokenRef, transfer: Signed[Transfer]) -> bool:
        """Whether the question was open; it has ended by this."""

    def fail(self, ref: TokenRef, now: int) -> bool:
        """Whether the question was open; the bank has failed."""

    def put_off(self, consumer: bytes, now: int, pause: int, wait: int) -> None:
        """No answer: count one failure of all that is open and due about it, and ask after ``pause`` again."""

    def give_up(self, consumer: bytes, now: int, attempts: int, wait: int) -> None:
        """The bank has failed in all that is open about it since ``wait`` seconds or longer, and that it left
        unanswered more than ``attempts`` times."""
