"""Sets of rows for PostgreSQL: an array for each column, however many rows there are.

Rule: the statement's text depends on the columns alone, so that it is prepared once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from ledger_sync.database.postgres_arrays import COLUMNS

_KEPT: Final = 4_096
"""Statements whose text is kept."""
_VALUES: Final = re.compile(r"\bvalues \((\?(?:, \?)*)\)", re.IGNORECASE)
_TYPES: Final[dict[type, str]] = {bytes: "bytea", int: "bigint", bool: "bigint", str: "text"}


def unnested(types: Sequence[str]) -> str:
    """A table of columns ``column1``, ``column2``, ... of these types, out of a place for the array of each."""
    places = ", ".join(f"?::{kind}[]" for kind in types)
    names = ", ".join(f"column{number}" for number in range(1, len(types) + 1))
    return f"unnest({places}) as u({names})"


def columns_of(rows: Sequence[Sequence[Any]], types: Sequence[str]) -> list[list[Any]]:
    """The values of each column, which are of these types."""
    return [COLUMNS[kind](column) for kind, column in zip(types, zip(*rows, strict=True), strict=True)]


@lru_cache(maxsize=_KEPT)
def over(sql: str, types: tuple[str, ...]) -> str:
    """A statement over a set of rows (`Store.run_over`), with a place for each column."""
    return sql.format(rows=f"select * from {unnested(types)}")


@lru_cache(maxsize=_KEPT)
def together(statements: tuple[tuple[str, tuple[str, ...]], ...]) -> str:
    """Several of such as one, with the places of the first, of the second and so on."""
    *firsts, last = (over(*statement) for statement in statements)
    named = ", ".join(f"change{number} as ({first})" for number, first in enumerate(firsts))
    return f"with {named} {last}" if named else last


def insertion_of(sql: str, rows: Sequence[Sequence[Any]]) -> tuple[str, list[list[Any]]] | None:
    """An insertion of values as one of all these rows, in their order, with its columns; None for another change. What
    is null in every row has no type, and stands in the text."""
    found = _VALUES.search(sql)
    if found is None or sql.count("?") != len(rows[0]) or found[1].count("?") != len(rows[0]):
        return None
    columns = list(zip(*rows, strict=True))
    kinds = [_type(column) for column in columns]
    given = [COLUMNS[kind](column) for column, kind in zip(columns, kinds, strict=True) if kind is not None]
    if not given:
        return None
    numbers = iter(range(1, len(given) + 1))
    chosen = ", ".join("null" if kind is None else f"column{next(numbers)}" for kind in kinds)
    table = unnested([kind for kind in kinds if kind is not None])
    return f"{sql[: found.start()]}select {chosen} from {table}{sql[found.end() :]}", given


def _type(column: Sequence[Any]) -> str | None:
    """The type of values that are all of one; None where all are null."""
    value = next((value for value in column if value is not None), None)
    if value is None:
        return None
    return next(name for kind, name in _TYPES.items() if isinstance(value, kind))
