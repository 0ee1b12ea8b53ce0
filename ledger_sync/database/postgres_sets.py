"""Sets of rows for PostgreSQL: an array for each column, however many rows there are.

Rule: the statement's text depends on the columns alone, so that it is prepared once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

_VALUES: Final = re.compile(r"\bvalues \((\?(?:, \?)*)\)", re.IGNORECASE)
_TYPES: Final[dict[type, str]] = {bytes: "bytea", int: "bigint", bool: "bigint", str: "text"}


def unnested(types: Sequence[str]) -> str:
    """A table of columns ``column1``, ``column2``, ... of these types, out of a place for the array of each."""
    places = ", ".join(f"?::{kind}[]" for kind in types)
    names = ", ".join(f"column{number}" for number in range(1, len(types) + 1))
    return f"unnest({places}) as u({names})"


def columns_of(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """The values of each column."""
    return [list(column) for column in zip(*rows, strict=True)]


def insertion_of(sql: str, rows: Sequence[Sequence[Any]]) -> tuple[str, list[list[Any]]] | None:
    """An insertion of values as one of all these rows, in their order, with its columns; None for another change. What
    is null in every row has no type, and stands in the text."""
    found = _VALUES.search(sql)
    if found is None or sql.count("?") != len(rows[0]) or found[1].count("?") != len(rows[0]):
        return None
    columns = columns_of(rows)
    kinds = [_type(column) for column in columns]
    given = [(column, kind) for column, kind in zip(columns, kinds, strict=True) if kind is not None]
    if not given:
        return None
    numbers = iter(range(1, len(given) + 1))
    chosen = ", ".join("null" if kind is None else f"column{next(numbers)}" for kind in kinds)
    table = unnested([kind for _, kind in given])
    once = f"{sql[: found.start()]}select {chosen} from {table}{sql[found.end() :]}"
    return once, [column for column, _ in given]


def _type(column: Sequence[Any]) -> str | None:
    """The type of values that are all of one; None where all are null."""
    value = next((value for value in column if value is not None), None)
    if value is None:
        return None
    return next(name for kind, name in _TYPES.items() if isinstance(value, kind))
