"""What a service has heard of the notary, numbered as it came: so that a notary that lost it can be told again.

Rule: every statement that was heard is kept with the others' objects for as long as they are; here is only the order
of their coming, in a table ``heard`` (number, time) that banks and the central bank have alike; banks number alike what
they caused at the central bank.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

PAGE: Final = 256
"""Statements in one answer."""
_OUT_OF_ORDER: Final = 4_096
"""Statements may come in another order than that of their dates, by no more than so many."""

Rows = Callable[[str, Sequence[Any]], Sequence[tuple[Any, ...]]]
"""Runs a query and gives its rows."""


def start(rows: Rows, since: int, table: str = "heard") -> int:
    """The number after which all that is dated ``since`` (unix seconds) or later stands. What has no date (0) was
    heard before dates were kept, and stands before everything else."""
    if not rows(f"select 1 from {table} where time > 0 and time < ? limit 1", (since,)):
        return 0
    first = f"select min(number) from (select number from {table} where time >= ? order by time limit ?)"
    ((number,),) = rows(first, (since, _OUT_OF_ORDER))
    if number is None:
        ((number,),) = rows(f"select max(number) + 1 from {table}", ())
    return int(number) - 1
