"""What a service goes by, as it is kept: directory, policy and base in their signed forms, shared by its processes.

Rule: whoever writes raises the stamp in the same transaction, so that the others see by one look whether there is
anything to read. Head and base go forward only; deltas are added, and go from below once the base says what they came
to.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Final

from ledger_sync.database.store import Kind, Store
from wallet.database import Schema

SCHEMA: Final = Schema("ledger_sync.service", "migrations/trust")
KIND: Final = Kind("trust", SCHEMA)
_STAMP: Final = """
insert into changes (one, number) values (1, 1) on conflict (one) do update set number = changes.number + 1
returning number
"""
_HEAD: Final = "insert into head (one, raw) values (1, ?) on conflict (one) do update set raw = excluded.raw"
_BASE: Final = """
insert into base (one, version, raw) values (1, ?, ?)
on conflict (one) do update set version = excluded.version, raw = excluded.raw where excluded.version > base.version
"""
_HANDOVER: Final = """
insert into handovers (version, raw) values (?, ?) on conflict (version) do update set raw = excluded.raw
"""


class TrustStore:
    """The tables of it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def transaction(self) -> AbstractContextManager[None]:
        """A block in which nobody else writes."""
        return self._store.transaction()

    def stamp(self) -> int:
        """What is another number whenever anything is."""
        return int(self._store.value("select number from changes") or 0)

    def deltas(self, after: int) -> list[tuple[int, bytes]]:
        """Those of later versions, by version, in their order."""
        rows = self._store.rows(
            "select version, raw from deltas where version > ? order by version", (after,)
        )
        return [(version, raw) for version, raw in rows]

    def oldest(self) -> int | None:
        """The version of the first delta."""
        version: int | None = self._store.value("select min(version) from deltas")
        return version

    def drop(self, until: int) -> None:
        """Remove the deltas up to a version. Nobody reads on for it: whoever has the base forgets them by that."""
        with self._store.transaction():
            self._store.run("delete from deltas where version <= ?", (until,))

    def head(self) -> bytes | None:
        raw: bytes | None = self._store.value("select raw from head")
        return raw

    def base(self) -> tuple[int, bytes] | None:
        row = self._store.row("select version, raw from base")
        return None if row is None else (row[0], row[1])

    def forms(self) -> tuple[bytes, ...]:
        """The directory in each of its forms; what was kept before there were several is one."""
        rows = self._store.rows("select raw from forms order by place")
        return tuple(raw for (raw,) in rows or self._store.rows("select raw from directory"))

    def handovers(self) -> list[bytes]:
        return [raw for (raw,) in self._store.rows("select raw from handovers order by version")]

    def keep_base(self, version: int, raw: bytes) -> int:
        """The stamp from now on. A later base stays."""
        with self._store.transaction():
            self._store.run(_BASE, (version, raw))
            return self._stamped()

    def keep_directory(self, forms: Sequence[bytes], handovers: Sequence[tuple[int, bytes]]) -> int:
        """These forms in place of those that were kept, and these hand-overs besides; the stamp from now on."""
        with self._store.transaction():
            self._store.run("delete from forms")
            self._store.run_each("insert into forms (place, raw) values (?, ?)", enumerate(forms))
            self._store.run_each(_HANDOVER, handovers)
            return self._stamped()

    def keep_update(self, deltas: Sequence[tuple[int, bytes]], head: bytes | None) -> int:
        """These deltas, by version, none of them there yet, and this head; the stamp from now on."""
        with self._store.transaction():
            self._store.run_each("insert into deltas (version, raw) values (?, ?)", deltas)
            if head is not None:
                self._store.run(_HEAD, (head,))
            return self._stamped() if deltas or head is not None else self.stamp()

    def _stamped(self) -> int:
        ((number,),) = self._store.rows(_STAMP)
        return int(number)

    def close(self) -> None:
        self._store.close()
