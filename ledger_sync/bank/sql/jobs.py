"""Jobs upon SQL: one table of them, and one row for each partner.

A claim is a row's owner and number, and lasts until the row is due: so what is claimed stands in the index of what is
due at the time at which it may be claimed again, and nobody reads over it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from operator import itemgetter
from typing import Final

from ledger_sync.bank.ports.jobs import LONGEST, Claim, Job, JobKind
from ledger_sync.database.store import Store
from wallet.protocol.codes import Code

_END_OF_TIME: Final = 2**62
_KEY: Final = "kind = ? and target = ? and subject = ?"
_STANDS: Final = f"{_KEY} and done = 0 and owner is not null and claim = ?"
_FREE: Final = "update work set owner = null, again = 0, due = ?"
_CLOSE: Final = "update work set done = 1 - again, owner = null, again = 0, due = ?, code = null"
_DUE: Final = (
    "select due, kind, target, subject, attempts from work"
    " where target = ? and kind = ? and done = 0 and due between ? and ? order by due, subject limit ?"
)
_OLDEST_FIRST: Final = itemgetter(0, 1, 2, 3)
_Found = tuple[int, str, str, bytes, int]


class SqlJobs:
    """`ledger_sync.bank.ports.jobs.Jobs`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, item: Job, now: int) -> bool:
        self._store.insert("partners", target=item.target)
        return self._store.insert(
            "work", kind=item.kind.value, target=item.target, subject=item.subject, due=now
        )

    def again(self, item: Job, now: int) -> None:
        with self._store.transaction():
            if not self.add(item, now):
                self._store.run(
                    "update work set done = 0, code = null, due = case when owner is null then ? else due end,"
                    f" again = case when owner is null then 0 else 1 end where {_KEY}",
                    (now, *_key(item)),
                )

    def open_again(
        self, target: str, kinds: Collection[JobKind], since: int, most: int, now: int
    ) -> tuple[int, int | None]:
        last = self._store.value(
            "select due from work where done = 1 and target = ? and due >= ? order by due limit 1 offset ?",
            (target, since, most - 1),
        )
        count = self._store.run(
            "update work set done = 0, due = ? where done = 1 and target = ? and due between ? and ?"
            f" and kind in ({', '.join('?' * len(kinds))})",
            (now, target, since, _END_OF_TIME if last is None else last, *(kind.value for kind in kinds)),
        )
        return count, None if last is None else last + 1

    def drop(self, item: Job) -> bool:
        return self._store.run(f"delete from work where {_KEY} and done = 0", _key(item)) == 1

    def forget(self, kinds: Collection[JobKind], subject: bytes) -> None:
        self._store.run(
            f"delete from work where kind in ({', '.join('?' * len(kinds))})"
            " and target in (select target from partners) and subject = ?",
            (*(kind.value for kind in kinds), subject),
        )

    def done(self, item: Job, now: int) -> bool:
        return self._store.run(f"{_CLOSE} where {_KEY} and done = 0", (now, *_key(item))) == 1

    def claim(
        self, owner: str, limit: int, kinds: Collection[JobKind], target: str, now: int, until: int
    ) -> list[Claim]:
        found = [row for kind in kinds for row in self._due(kind, target, now, limit)]
        first = sorted(found, key=_OLDEST_FIRST)[:limit]
        if not first:
            return []
        with self._store.transaction():
            self._store.run("update partners set claims = claims + 1 where target = ?", (target,))
            number = self._store.value("select claims from partners where target = ?", (target,))
            return [_claim(row, number, until) for row in first if self._take(row, owner, number, until)]

    def _due(self, kind: JobKind, target: str, now: int, limit: int) -> list[_Found]:
        found: list[_Found] = []
        for first, last in ((0, now), (now + LONGEST + 1, _END_OF_TIME)):
            found += self._store.rows(_DUE, (target, kind.value, first, last, limit))
        return found

    def _take(self, row: _Found, owner: str, number: int, until: int) -> bool:
        """Whether it is still as it was found."""
        due, kind, target, subject, _ = row
        sql = (
            f"update work set owner = ?, claim = ?, due = ?, again = 0 where {_KEY} and done = 0 and due = ?"
        )
        return self._store.run(sql, (owner, number, until, kind, target, subject, due)) == 1

    def stands(self, claim: Claim) -> bool:
        return self._store.row(f"select 1 from work where {_STANDS}", _claimed(claim)) is not None

    def renew(self, claim: Claim, until: int) -> bool:
        return self._change("update work set due = ?", (until,), claim)

    def finish(self, claims: Iterable[Claim], now: int) -> list[Claim]:
        with self._store.transaction():
            return [claim for claim in claims if self._change(_CLOSE, (now,), claim)]

    def release(self, claims: Iterable[Claim]) -> list[Claim]:
        with self._store.transaction():
            return [claim for claim in claims if self._change(_FREE, (claim.due,), claim)]

    def retry(self, claim: Claim, due: int, code: Code) -> bool:
        return self._change(f"{_FREE}, attempts = attempts + 1, code = ?", (due, code.value), claim)

    def _change(self, change: str, values: Sequence[object], claim: Claim) -> bool:
        """Whether the claim stood."""
        return self._store.run(f"{change} where {_STANDS}", (*values, *_claimed(claim))) == 1

    def free(self, owner: str, now: int) -> None:
        with self._store.transaction():
            self._store.run(
                "update work set due = ?, attempts = 0, owner = null, again = 0"
                " where done = 0 and (owner is null or owner = ?)",
                (now, owner),
            )
            self._store.run("update partners set due = 0, attempts = 0")

    def hold_up(self, target: str, until: int) -> None:
        self._store.insert("partners", target=target)
        self._store.run(
            "update partners set attempts = attempts + 1, due = ? where target = ?", (until, target)
        )

    def reached(self, target: str) -> None:
        self._store.run(
            "update partners set attempts = 0, due = 0 where target = ? and (attempts > 0 or due > 0)",
            (target,),
        )

    def silences(self, target: str) -> int:
        return int(self._store.value("select attempts from partners where target = ?", (target,)) or 0)

    def answering(self, now: int) -> list[str]:
        rows = self._store.rows(
            "select target from partners where due <= ?1 or due > ?1 + ?2", (now, LONGEST)
        )
        return [target for (target,) in rows]

    def ready(self, items: Iterable[Job], now: int) -> list[Job]:
        answering = frozenset(self.answering(now))
        sql = f"select 1 from work where {_KEY} and done = 0 and (due <= ? or due > ? or owner is not null)"
        return [
            item
            for item in items
            if item.target in answering and self._store.row(sql, (*_key(item), now, now + LONGEST))
        ]

    def first(self, kind: JobKind, target: str, now: int) -> Job | None:
        sql = (
            "select subject from work where target = ? and kind = ? and done = 0"
            " and (due <= ? or due > ? or owner is not null) order by due limit 1"
        )
        subject = self._store.value(sql, (target, kind.value, now, now + LONGEST))
        return None if subject is None or target not in self.answering(now) else Job(kind, target, subject)

    def is_open(self, item: Job) -> bool:
        return self._store.row(f"select 1 from work where {_KEY} and done = 0", _key(item)) is not None

    def is_known(self, item: Job) -> bool:
        return self._store.row(f"select 1 from work where {_KEY}", _key(item)) is not None

    def attempts(self, item: Job) -> int:
        return int(self._store.value(f"select attempts from work where {_KEY}", _key(item)) or 0)

    def open_subjects(self, kind: JobKind, target: str) -> list[bytes]:
        sql = "select subject from work where target = ? and kind = ? and done = 0 order by subject"
        return [subject for (subject,) in self._store.rows(sql, (target, kind.value))]


def _key(item: Job) -> tuple[str, str, bytes]:
    return item.kind.value, item.target, item.subject


def _claimed(claim: Claim) -> tuple[str, str, bytes, int]:
    return *_key(claim.item), claim.number


def _claim(row: _Found, number: int, until: int) -> Claim:
    due, kind, target, subject, attempts = row
    return Claim(Job(JobKind(kind), target, subject), number, due, attempts, until)
