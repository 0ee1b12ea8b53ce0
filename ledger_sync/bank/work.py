"""Durable work: what has to be done for others after an answer, kept until it is done, and done once.

Rule: work is written in the transaction that calls for it. Each piece is idempotent at the other end, so a crash
between doing it and noting that it is done only does it again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ledger_sync.bank.sqlite.store import Row, Store
from wallet.protocol.codes import Refusal

_LONGEST_PAUSE: Final = 32
"""Seconds between two attempts at most."""
_WRITTEN: Final = (1, 2, 4, 8, 16, _LONGEST_PAUSE)
_END_OF_TIME: Final = 2**62


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
    """The table of work. Writes within the caller's transaction.

    What is due is claimed by an index, so that a backlog costs nobody but itself; a partner that can't be reached
    holds up all its work by one row of its own (`partners`).
    """

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        self._noted: set[tuple[Kind, str]] = set()

    def add(self, item: Item) -> bool:
        """Whether it was not there before, done or not."""
        self._store.insert("partners", target=item.target)
        self._noted.add((item.kind, item.target))
        kind = item.kind.value
        return self._store.insert(
            "work", kind=kind, target=item.target, subject=item.subject, due=self._clock()
        )

    def take_noted(self) -> frozenset[tuple[Kind, str]]:
        """Of which kinds and for whom work was written since this was last asked: a hint for who may sleep."""
        noted, self._noted = self._noted, set()
        return frozenset(noted)

    def again(self, item: Item) -> None:
        """Do it, also if it was done before."""
        self.add(item)
        self._store.run(
            "update work set done = 0, due = ?, code = null where kind = ? and target = ? and subject = ?",
            (self._clock(), item.kind.value, item.target, item.subject),
        )

    def open_again(
        self, target: str, kinds: Collection[Kind], since: int, most: int
    ) -> tuple[int, int | None]:
        """What of these kinds was done for ``target`` at ``since`` (unix seconds) or later is to be done once more: the
        first ``most``, and what was done in the same second. How much that is; and from when on the rest was done."""
        last = self._store.value(
            "select due from work where done = 1 and target = ? and due >= ? order by due limit 1 offset ?",
            (target, since, most - 1),
        )
        places = ", ".join("?" * len(kinds))
        count = self._store.run(
            "update work set done = 0, due = ? where done = 1 and target = ? and due between ? and ?"
            f" and kind in ({places})",
            (
                self._clock(),
                target,
                since,
                _END_OF_TIME if last is None else last,
                *(kind.value for kind in kinds),
            ),
        )
        return count, None if last is None else last + 1

    def drop(self, item: Item) -> None:
        """It is no longer needed, if it was not done yet."""
        self._store.run(
            "delete from work where kind = ? and target = ? and subject = ? and done = 0",
            (item.kind.value, item.target, item.subject),
        )

    def done(self, item: Item) -> None:
        """It is dated by when it was done from now on, however long ago it was due."""
        self._store.run(
            "update work set done = 1, due = ?, code = null where kind = ? and target = ? and subject = ?",
            (self._clock(), item.kind.value, item.target, item.subject),
        )

    def failed(self, item: Item, refusal: Refusal) -> None:
        """Try again later: after 1, 2, 4 ... seconds."""
        attempts = self._store.value(
            "select attempts from work where kind = ? and target = ? and subject = ?",
            (item.kind.value, item.target, item.subject),
        )
        self._store.run(
            "update work set attempts = attempts + 1, due = ?, code = ? where kind = ? and target = ? and subject = ?",
            (
                self._clock() + _pause(attempts),
                refusal.code.value,
                item.kind.value,
                item.target,
                item.subject,
            ),
        )

    def postpone(self, item: Item) -> None:
        """The partner can't be reached: nothing is due for it before another pause, and then ``item`` is too."""
        now = self._clock()
        attempts = self._store.value("select attempts from partners where target = ?", (item.target,))
        self._store.run(
            "update partners set attempts = attempts + 1, due = ? where target = ?",
            (now + _pause(attempts), item.target),
        )
        self._store.run(
            "update work set due = ? where kind = ? and target = ? and subject = ?",
            (now, item.kind.value, item.target, item.subject),
        )

    def reached(self, target: str) -> None:
        """A partner answers: what waited for that is due now."""
        self._store.run(
            "update partners set attempts = 0, due = 0 where target = ? and (attempts > 0 or due > 0)",
            (target,),
        )

    def due(self, limit: int, kinds: Collection[Kind] | None = None, target: str | None = None) -> list[Item]:
        """Open work whose time has come, oldest first: at most ``limit``, of these ``kinds``, for this ``target``."""
        found: list[tuple[int, Item]] = []
        for name in self._answering() if target is None else [target]:
            for kind in kinds or Kind:
                found += self._due(limit, kind, name)
        return [item for _, item in sorted(found, key=_by_age)[:limit]]

    def _answering(self) -> list[str]:
        """Partners that are not known to be out of reach; as many as there are banks."""
        sql = "select target from partners where due <= ?1 or due > ?1 + ?2"
        return [target for (target,) in self._store.rows(sql, (self._clock(), _LONGEST_PAUSE))]

    def _due(self, limit: int, kind: Kind, target: str) -> list[tuple[int, Item]]:
        """No pause is longer than the longest: what is due later was written by a clock that was wrong."""
        now = self._clock()
        rows: list[Row] = []
        for first, last in ((0, now), (now + _LONGEST_PAUSE + 1, _END_OF_TIME)):
            rows += self._store.rows(
                "select due, subject from work where target = ? and kind = ? and done = 0 and due between ? and ?"
                " order by due limit ?",
                (target, kind.value, first, last, limit),
            )
        return [(due, Item(kind, target, subject)) for due, subject in rows]

    def ready(self, items: Iterable[Item]) -> list[Item]:
        """Those of ``items`` that are open and whose time has come."""
        now = self._clock()
        answering = frozenset(self._answering())
        sql = (
            "select 1 from work where kind = ?1 and target = ?2 and subject = ?3 and done = 0"
            " and (due <= ?4 or due > ?4 + ?5)"
        )
        return [
            item
            for item in items
            if item.target in answering
            and self._store.row(sql, (item.kind.value, item.target, item.subject, now, _LONGEST_PAUSE))
        ]

    def is_open(self, item: Item) -> bool:
        return (
            self._store.row(
                "select 1 from work where kind = ? and target = ? and subject = ? and done = 0",
                (item.kind.value, item.target, item.subject),
            )
            is not None
        )

    def is_known(self, item: Item) -> bool:
        """Whether it was ever written, done or not."""
        return (
            self._store.row(
                "select 1 from work where kind = ? and target = ? and subject = ?",
                (item.kind.value, item.target, item.subject),
            )
            is not None
        )

    def count_open(self) -> int:
        return int(self._store.value("select count(*) from work where done = 0"))

    def hurry(self) -> None:
        """After a start: everything open is due now."""
        self._store.run("update work set due = ?, attempts = 0 where done = 0", (self._clock(),))
        self._store.run("update partners set due = 0, attempts = 0")


def _pause(attempts: int | None) -> int:
    return _WRITTEN[min(attempts or 0, len(_WRITTEN) - 1)]


def _by_age(found: tuple[int, Item]) -> tuple[int, str, str, bytes]:
    due, item = found
    return due, item.kind.value, item.target, item.subject
