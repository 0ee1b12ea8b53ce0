"""Durable work: what has to be done for others after an answer, kept until it is done, and done once.

Rule: work is written in the transaction that calls for it. Each piece is idempotent at the other end, so a crash
between doing it and noting that it is done only does it again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ledger_sync.bank.store import Store
from ledger_sync.http.peers import NoAnswer
from wallet.protocol.codes import Refusal

_LONGEST_PAUSE: Final = 32
"""Seconds between two attempts at most."""
_WRITTEN: Final = (1, 2, 4, 8, 16, _LONGEST_PAUSE)
_SILENCE: Final = "silence"
"""The code of work whose partner gave no answer: what a partner says itself is another one's."""


class Kind(StrEnum):
    """WHOLE: pass a transfer on with its provenance. PAYLOAD: pass on the transfer alone. MONEY: pass an issuance
    on. FETCH: get a conflict's other payload. REDEEM, REFUND, REVOKE, CHALLENGE: ask the central bank."""

    WHOLE = "whole"
    PAYLOAD = "payload"
    MONEY = "money"
    FETCH = "fetch"
    REDEEM = "redeem"
    REFUND = "refund"
    REVOKE = "revoke"
    CHALLENGE = "challenge"


@dataclass(frozen=True, slots=True)
class Item:
    """``target`` is a bank's id, or empty for the central bank; ``subject`` names what it is about."""

    kind: Kind
    target: str
    subject: bytes


class WorkList:
    """The table of work. Writes within the caller's transaction."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock

    def add(self, item: Item) -> bool:
        """Whether it was not there before, done or not."""
        kind = item.kind.value
        return self._store.insert(
            "work", kind=kind, target=item.target, subject=item.subject, due=self._clock()
        )

    def again(self, item: Item) -> None:
        """Do it, also if it was done before."""
        self.add(item)
        self._store.run(
            "update work set done = 0, due = ?, code = null where kind = ? and target = ? and subject = ?",
            (self._clock(), item.kind.value, item.target, item.subject),
        )

    def drop(self, item: Item) -> None:
        """It is no longer needed, if it was not done yet."""
        self._store.run(
            "delete from work where kind = ? and target = ? and subject = ? and done = 0",
            (item.kind.value, item.target, item.subject),
        )

    def done(self, item: Item) -> None:
        self._store.run(
            "update work set done = 1, code = null where kind = ? and target = ? and subject = ?",
            (item.kind.value, item.target, item.subject),
        )

    def failed(self, item: Item, refusal: Refusal) -> None:
        """Try again later: after 1, 2, 4 ... seconds."""
        attempts = self._store.value(
            "select attempts from work where kind = ? and target = ? and subject = ?",
            (item.kind.value, item.target, item.subject),
        )
        pause = _WRITTEN[min(attempts or 0, len(_WRITTEN) - 1)]
        self._store.run(
            "update work set attempts = attempts + 1, due = ?, code = ? where kind = ? and target = ? and subject = ?",
            (self._clock() + pause, _code(refusal), item.kind.value, item.target, item.subject),
        )

    def postpone(self, item: Item) -> None:
        """Its partner can't be reached: nothing for that partner is due before ``item`` is."""
        self._store.run(
            "update work set code = ?,"
            " due = max(due, (select due from work where kind = ? and target = ? and subject = ?))"
            " where target = ? and done = 0",
            (_SILENCE, item.kind.value, item.target, item.subject, item.target),
        )

    def reached(self, target: str) -> None:
        """A partner answers: what waited for that is due now."""
        self._store.run(
            "update work set due = ? where target = ? and done = 0 and code = ?",
            (self._clock(), target, _SILENCE),
        )

    def due(self, limit: int, kinds: frozenset[Kind] | None = None) -> list[Item]:
        """Open work whose time has come, oldest first."""
        rows = self._store.rows(
            "select kind, target, subject from work where done = 0 and due <= ? order by due, kind, target, subject",
            (self._clock(),),
        )
        items = [Item(Kind(kind), target, subject) for kind, target, subject in rows]
        return [item for item in items if kinds is None or item.kind in kinds][:limit]

    def is_open(self, item: Item) -> bool:
        return (
            self._store.row(
                "select 1 from work where kind = ? and target = ? and subject = ? and done = 0",
                (item.kind.value, item.target, item.subject),
            )
            is not None
        )

    def count_open(self) -> int:
        return int(self._store.value("select count(*) from work where done = 0"))

    def hurry(self) -> None:
        """After a start, or when a partner came back: everything open is due now."""
        self._store.run("update work set due = ?, attempts = 0 where done = 0", (self._clock(),))


def _code(refusal: Refusal) -> str:
    is_silence = isinstance(refusal, NoAnswer) and refusal.is_silence
    return _SILENCE if is_silence else refusal.code.value
