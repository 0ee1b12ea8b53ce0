"""What a bank has answered and may have forgotten: a bank that was put back from a backup is shown it again.

Rule: a verdict stays as it is; showing a transfer again is the same again for a bank that knows it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from wallet.protocol.evidence import Evidence
from wallet.purse.purse import Purse
from wallet.purse.store.epochs import EpochKey
from wallet.purse.turns import one_at_a_time


@dataclass(frozen=True, slots=True)
class Answered:
    """A transfer with a verdict; ``position`` is its place among all that this purse holds."""

    txid: bytes
    position: int


@one_at_a_time
class AnsweredTransfers:
    """Reads the purse; changes nothing."""

    def __init__(self, purse: Purse) -> None:
        self._purse = purse

    def answered(self, before: int | None, limit: int) -> tuple[Answered, ...]:
        """The last ``limit`` transfers with a verdict, newest first, of those at a place below ``before``."""
        rows = self._purse.store.rows(
            "SELECT t.id, t.position FROM transfer t JOIN answer a ON a.txid = t.id"
            " WHERE a.verdict IS NOT NULL AND (?1 IS NULL OR t.position < ?1) ORDER BY t.position DESC LIMIT ?2",
            before,
            limit,
        )
        return tuple(Answered(row["id"], row["position"]) for row in rows)

    def provable(self, pieces: Iterable[Evidence]) -> tuple[Evidence, ...]:
        """Those of ``pieces`` whose halves the ledger has answered, as far as they are held here. The other halves have
        to be uploaded first, in the order in which they came: whichever is committed first is the one that stands."""
        rows = self._purse.store.rows("SELECT txid FROM unanswered")
        waiting = {row["txid"] for row in rows}
        return tuple(item for item in pieces if waiting.isdisjoint((item.first.id, item.second.id)))

    def certified_keys(self) -> tuple[EpochKey, ...]:
        """Every key that was certified and still exists, with the running total to count from."""
        rows = self._purse.store.rows(
            "SELECT alias, key FROM epoch WHERE state = 'certified' ORDER BY number"
        )
        total = self._purse.outgoing.total()
        return tuple(EpochKey(row["alias"], row["key"], total) for row in rows)
