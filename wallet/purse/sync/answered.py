"""What a bank has answered and may have forgotten: a bank that was put back from a backup is shown it again.

Rule: a verdict stays as it is; showing a transfer again is the same again for a bank that knows it. What was answered
since the bank was last seen to know everything is asked for before anything newer is brought.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from wallet.protocol.evidence import Evidence
from wallet.protocol.settlement import Verdict
from wallet.purse.purse import Purse
from wallet.purse.store.epochs import EpochKey
from wallet.purse.turns import one_at_a_time

_KNOWN: Final = "bank_knew"
"""The fact that says up to which place the bank was last seen to know what it had answered."""
_BEFORE: Final = 2
_SINCE: Final = 40
_WAITING: Final = 20
_PARENTS: Final = 20
_GOOD: Final = (
    "SELECT t.id FROM transfer t JOIN answer a ON a.txid = t.id"
    f" WHERE a.verdict IS NOT NULL AND a.verdict <> {int(Verdict.REFUSED)}"
)


@dataclass(frozen=True, slots=True)
class Answered:
    """A transfer with a verdict; ``position`` is its place among all that this purse holds."""

    txid: bytes
    position: int


@one_at_a_time
class AnsweredTransfers:
    """Reads the purse, and notes up to where a bank knows what is in it."""

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

    def samples(self) -> tuple[bytes, ...]:
        """What to ask the bank for to see whether it has forgotten something, 62 at most and nothing that was refused,
        which a bank need not keep: the last two that it was last seen to know; the first since, as those are forgotten
        that were answered before it was put back in the middle of a reconciling; and what those descend from that wait,
        as they would for ever."""
        store, place = self._purse.store, int(self._purse.store.fact(_KNOWN) or 0)
        known = store.rows(f"{_GOOD} AND t.position <= ? ORDER BY t.position DESC LIMIT ?", place, _BEFORE)
        since = store.rows(f"{_GOOD} AND t.position > ? ORDER BY t.position LIMIT ?", place, _SINCE)
        return tuple(dict.fromkeys([row["id"] for row in (*known, *since)] + self._above_what_waits()))

    def _above_what_waits(self) -> list[bytes]:
        """Transfers with a verdict of which a descendant was uploaded and has none."""
        store = self._purse.store
        waiting = store.rows(
            "SELECT u.txid FROM unanswered u JOIN answer a ON a.txid = u.txid ORDER BY u.position LIMIT ?",
            _WAITING,
        )
        inputs = [self._purse.objects.transfer(row["txid"]).body.inputs for row in waiting]
        parents = list(dict.fromkeys(ref.txid for refs in inputs for ref in refs))
        good = [txid for txid in parents if store.row(f"{_GOOD} AND t.id = ?", txid) is not None]
        return good[:_PARENTS]

    @property
    def place(self) -> int:
        """The newest place with a verdict; 0 where there is none."""
        newest = self.answered(None, 1)
        return newest[0].position if newest else 0

    def note_known(self, place: int) -> None:
        """Inside a transaction: the bank was seen to know everything up to this place."""
        self._purse.store.set_fact(_KNOWN, place)

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
