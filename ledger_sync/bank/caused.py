"""What this bank caused at the central bank and has booked, numbered as it was booked: so that a central bank that was
put back from a backup can be told, and asked again.

Rule: what the central bank signed (issuances) is shown to it as it signed it; what it only did (money on a position) is
asked for again, under the same id, and proved anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ledger_sync.bank.house import House
from ledger_sync.bank.objects import Objects
from ledger_sync.bank.unclaimed import CHALLENGE, FUNDING, REDEMPTION, REFUND
from ledger_sync.bank.work import Item, Kind, WorkList
from ledger_sync.heard import PAGE, start
from wallet.protocol import codec
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance

KINDS: Final = (FUNDING, REDEMPTION, REFUND, CHALLENGE)
_WORK: Final = {REDEMPTION: Kind.REDEEM, REFUND: Kind.REFUND}


@dataclass(frozen=True, slots=True)
class Act:
    """One of them: ``cause`` as in the central bank's movement; the issuance where that is what came of it."""

    kind: str
    cause: bytes
    issuance: Signed[Issuance] | None


def note(house: House, kind: str, cause: bytes, subject: bytes | None = None) -> None:
    """Within the transaction that books it. ``subject``: of the work by which it is asked for again."""
    house.store.insert("caused", kind=kind, cause=cause, subject=subject, time=house.clock())


def forget(house: House, kind: str, cause: bytes) -> None:
    """It was undone; within the transaction that books that."""
    house.store.run("delete from caused where kind = ? and cause = ?", (kind, cause))


class Caused:
    """The list, and opening it again."""

    def __init__(self, house: House, objects: Objects, work: WorkList) -> None:
        self._store = house.store
        self._objects = objects
        self._work = work

    def since(self, since: int, after: int) -> tuple[int, list[Act]]:
        """A page of what was booked at ``since`` (unix seconds) or later, after number ``after``; and the number of its
        last (0 for an empty page)."""
        rows = self._store.rows(
            "select number, kind, cause from caused where number > ? order by number limit ?",
            (max(after, start(self._store.rows, since, "caused")), PAGE),
        )
        return (rows[-1][0] if rows else 0), [
            Act(kind, cause, self._made(kind, cause)) for _, kind, cause in rows
        ]

    def _made(self, kind: str, cause: bytes) -> Signed[Issuance] | None:
        table = {FUNDING: "fundings where id", REDEMPTION: "redemptions where transfer"}.get(kind)
        name = None if table is None else self._store.value(f"select issuance from {table} = ?", (cause,))
        return None if name is None else self._objects.issuances.get(name)

    def ask_again(self, causes: Iterable[tuple[str, bytes]], policy: int) -> None:
        """The central bank has forgotten these, and what it listed in its policy after version ``policy``."""
        with self._store.transaction():
            for kind, cause in causes:
                for item in self._items(kind, cause):
                    if self._work.is_known(item):
                        self._work.again(item)
            rows = self._store.rows(
                "select distinct coalesce(evidence, cast(customer as blob)) from revocations where version > ?",
                (policy,),
            )
            self._store.run("update revocations set version = null where version > ?", (policy,))
            for (subject,) in rows:
                self._work.again(Item(Kind.REVOKE, "", subject))

    def _items(self, kind: str, cause: bytes) -> list[Item]:
        subject = self._store.value("select subject from caused where kind = ? and cause = ?", (kind, cause))
        if kind in _WORK:
            return [] if subject is None else [Item(_WORK[kind], "", subject)]
        rows = self._store.rows("select wanted, place from compensations where claim = ?", (cause,))
        challenged = [Item(Kind.CHALLENGE, "", cause + wanted) for wanted, _ in rows]
        refunded = [Item(Kind.REFUND, "", codec.encode([wanted, place])) for wanted, place in rows]
        return challenged + refunded
