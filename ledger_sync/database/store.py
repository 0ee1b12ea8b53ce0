"""A store: SQL tables that one service writes, whatever engine keeps them.

Rule: what a transaction wrote is durable before anybody hears of it. One writer at a time, among threads and among
processes: while a transaction lasts nobody else changes what it reads. What is read outside one is read beside whoever
writes, as it was last committed. The SQL is of the subset that both engines have, its places ``?`` or ``?1``.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from ledger_sync.database.turn import Late, Turn
from wallet.database import Schema, insertion

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of store: its name, which is also that of its schema in PostgreSQL, and its migrations.

    Those of SQLite lie in the folder of `schema`, those of PostgreSQL in ``postgres`` below it, each with numbers of
    their own.
    """

    name: str
    schema: Schema

    @property
    def postgres(self) -> Schema:
        """The migrations of PostgreSQL."""
        return Schema(self.schema.package, f"{self.schema.folder}/postgres")


@dataclass(frozen=True, slots=True)
class Change:
    """A change over a set of rows, as of `Store.run_over`."""

    sql: str
    types: Sequence[str]
    rows: Sequence[Row]


class StoreError(Exception):
    """The engine cannot serve, through no fault of whoever asked: the same again may do."""


class Unavailable(StoreError):
    """The engine cannot be reached, or cannot write now. Nothing of the transaction stands."""


class OutcomeUnknown(StoreError):
    """The commit was under way and its end was not heard: it stands whole, or not at all. The same again finds out."""


class Store(ABC):
    """Transactions, and statements; a bank's unit of work (`ledger_sync.bank.ports.unit`). Safe to share between
    threads. Whatever reaches the engine raises `StoreError` where that cannot serve."""

    def __init__(self) -> None:
        self._writing = Turn()
        self._writer: int | None = None
        self._ends: list[tuple[Callable[[], None], Callable[[], None]]] = []

    @contextmanager
    def transaction(self, *, is_durable: bool = True) -> Iterator[None]:
        """All or nothing. Inside another of the same thread it is a part of that one.

        Not ``is_durable``: everyone sees it at once, and the next that is durable keeps it too; until then nothing that
        rests on it may be told to anybody. `Unavailable` at once, while the engine is away and somebody tries to reach
        it.
        """
        if self.in_transaction:
            yield
            return
        with self._turn():
            self._writer = threading.get_ident()
            try:
                with self._whole(is_durable=is_durable):
                    yield
                    for finish, _ in self._ends:
                        finish()
            except BaseException:
                for _, forget in self._ends:
                    forget()
                raise
            finally:
                self._writer = None

    @contextmanager
    def _turn(self) -> Iterator[None]:
        try:
            with self._writing.taken():
                yield
        except Late as error:
            raise Unavailable(str(error)) from error

    @property
    def in_transaction(self) -> bool:
        """Whether the calling thread is inside a transaction of this store."""
        return self._writer == threading.get_ident()

    def at_end(self, finish: Callable[[], None], forget: Callable[[], None]) -> None:
        """``finish`` is called at the end of each transaction, within it; ``forget`` where it is undone, or where that
        is not known."""
        self._ends.append((finish, forget))

    def insert(self, table: str, **values: Any) -> bool:
        """Insert a row unless its key is there already; whether it was new."""
        return self.run(insertion(table, tuple(values), unless_there=True), tuple(values.values())) == 1

    def row(self, sql: str, values: Sequence[Any] = ()) -> Row | None:
        """The first row."""
        found = self.rows(sql, values)
        return found[0] if found else None

    def value(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """The first column of the first row, or None where there is none."""
        found = self.row(sql, values)
        return None if found is None else found[0]

    def run_over(self, sql: str, types: Sequence[str], rows: Sequence[Row]) -> int:
        """Execute a change over a set of rows; the number of rows that it touched.

        The set stands for ``{rows}`` in ``sql``, as a query of columns ``column1``, ``column2``, ... of ``types``
        (``bytea``, ``bigint``, ``text``). However many rows there are, PostgreSQL gets one statement.
        """
        with self.transaction():
            return sum(self.run(*piece) for piece in self._over(sql, types, rows))

    def change_all(self, changes: Sequence[Change]) -> None:
        """Execute changes that know nothing of each other: none reads or changes a row of another's. However many there
        are, PostgreSQL gets one statement."""
        with self.transaction():
            for change in changes:
                self.run_over(change.sql, change.types, change.rows)

    def rows_over(self, sql: str, types: Sequence[str], rows: Sequence[Row]) -> list[Row]:
        """All that a query over a set of rows finds; as `run_over`."""
        return [row for piece in self._over(sql, types, rows) for row in self.rows(*piece)]

    @abstractmethod
    def _whole(self, *, is_durable: bool) -> AbstractContextManager[None]:
        """The engine's own transaction."""

    @abstractmethod
    def _over(
        self, sql: str, types: Sequence[str], rows: Sequence[Row]
    ) -> Iterable[tuple[str, Sequence[Any]]]:
        """``sql`` with its set of rows, in as many statements as the engine needs; none for no rows."""

    @abstractmethod
    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Execute a change; the number of rows that it touched."""

    @abstractmethod
    def run_each(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Execute a change for each row of values. Of an insertion PostgreSQL makes one statement: where that changes
        what is there already (``do update``), no two rows may be about the same."""

    @abstractmethod
    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """All that a query finds, or that a change returns."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the engine."""
