"""Heads of the notary's log that this wallet was shown, for a bank to compare with those that it has seen.

Rule: a head is kept until a bank has compared it, and of each log the newest from then on; so whoever shows this wallet
another history than the one it once showed is found out at the next bank that is honest. Only what the notary signed is
kept, and few of them: where there are more, those of the latest dates.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from wallet.protocol import codec
from wallet.protocol.bounds import MAX_OBJECT_BYTES
from wallet.protocol.codes import Refusal
from wallet.protocol.log import LogHead, check_head
from wallet.purse.purse import Purse
from wallet.purse.turns import one_at_a_time

MOST: Final = 8
_HEADS: Final = "log_heads"


@one_at_a_time
class LogHeads:
    """What one purse was shown."""

    def __init__(self, purse: Purse) -> None:
        self._purse = purse

    def kept(self) -> tuple[LogHead, ...]:
        """The heads to be compared, by their dates."""
        raw = self._purse.store.fact(_HEADS)
        values = [] if raw is None else codec.decode(raw, MOST * MAX_OBJECT_BYTES)
        return tuple(LogHead.from_cbor(value) for value in values)

    def see(self, heads: Iterable[LogHead]) -> None:
        """Keep those that are new and signed by the notary."""
        kept = self.kept()
        known = {_what(head) for head in kept}
        fresh = {_what(head): head for head in heads if _what(head) not in known and self._is_signed(head)}
        if fresh:
            self._keep((*kept, *fresh.values()))

    def compared(self, heads: Collection[LogHead]) -> None:
        """A bank has compared these: of each log the newest stays."""
        newest = {head.extent.log: head for head in sorted(heads, key=lambda head: head.extent.size)}
        left = [head for head in self.kept() if head not in heads or newest[head.extent.log] == head]
        if len(left) < len(self.kept()):
            self._keep(left)

    def _keep(self, heads: Collection[LogHead]) -> None:
        latest = sorted(heads, key=lambda head: head.extent.time)[-MOST:]
        with self._purse.store.within():
            self._purse.store.set_fact(_HEADS, codec.encode([head.to_cbor() for head in latest]))

    def _is_signed(self, head: LogHead) -> bool:
        try:
            check_head(head, self._purse.authority.directory)
        except Refusal:
            return False
        return True


def _what(head: LogHead) -> tuple[int | None, int, bytes]:
    """What a head says, whenever and by which signature."""
    return head.extent.log, head.extent.size, head.root
