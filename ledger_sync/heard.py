"""What a service has heard of the notary, numbered as it came: so that a notary that lost it can be told again.

Rule: every statement that was heard is kept with the others' objects for as long as they are; here is only the order
of their coming, in a table ``heard`` (number, time) that banks and the central bank have alike; banks number alike what
they caused at the central bank.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from wallet.protocol import codec
from wallet.protocol.codec import Cbor
from wallet.protocol.cose import Signed, each_head_once
from wallet.protocol.directory import Directory
from wallet.protocol.settlement import Consumption, check_consumption, read_consumption

PAGE: Final = 256
"""Statements in one answer."""
_MAX_NUMBER: Final = 2**53
_OUT_OF_ORDER: Final = 4_096
"""Statements may come in another order than that of their dates, by no more than so many."""

Rows = Callable[[str, Sequence[Any]], Sequence[tuple[Any, ...]]]
"""Runs a query and gives its rows."""


def start(rows: Rows, since: int, table: str = "heard") -> int:
    """The number after which all that is dated ``since`` (unix seconds) or later stands. What has no date (0) was
    heard before dates were kept, and stands before everything else."""
    if not rows(f"select 1 from {table} where time > 0 and time < ? limit 1", (since,)):
        return 0
    first = (
        f"select min(number) from (select number from {table} where time >= ? order by time limit ?) as first"
    )
    ((number,),) = rows(first, (since, _OUT_OF_ORDER))
    if number is None:
        ((number,),) = rows(f"select max(number) + 1 from {table}", ())
    return int(number) - 1


def last(rows: Rows) -> int:
    """The latest date (unix seconds) of all that was ever heard; 0 where nothing was."""
    ((time,),) = rows("select max(time) from heard", ())
    return int(time or 0)


def read_page(answer: Cbor, directory: Directory) -> tuple[int, list[Signed[Consumption]]]:
    """A page of the notary's words, as whoever keeps them answers, and the number up to which it goes. MALFORMED,
    NOTARY_SIGNATURE."""
    number, listed = codec.array(answer, 2)
    page = [read_consumption(value) for value in codec.array(listed, most=PAGE)]
    is_head = each_head_once()
    for statement in page:
        check_consumption(statement, directory, is_head)
    return codec.uint(number, _MAX_NUMBER), page
