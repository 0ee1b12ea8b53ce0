"""Amounts, numbers and times as people in Kazakhstan write them: ``12 500,50 ₸``. Integers of tiyn, no floats."""

from __future__ import annotations

import re
import time
from typing import Final

LAST_TIME: Final = 2**32 - 1
"""The last moment that the protocol can name, unix seconds."""

_SPACE: Final = "\N{NO-BREAK SPACE}"
_TENGE: Final = "\N{TENGE SIGN}"
_ANY_SPACE: Final = f"[ {_SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}]"
_AMOUNT: Final = re.compile(
    rf"([0-9]{{1,14}}|[0-9]{{1,3}}(?:{_ANY_SPACE}[0-9]{{3}}){{1,4}})(?:[.,]([0-9]{{1,2}}))?(?:{_ANY_SPACE}?{_TENGE})?"
)
_NOT_A_DIGIT: Final = re.compile("[^0-9]")


def written_number(number: int) -> str:
    """Groups of three digits."""
    return f"{number:,}".replace(",", _SPACE)


def written_amount(tiyn: int) -> str:
    """1250050 is ``12 500,50 ₸``; whole tenge are written without a fraction."""
    sign = "−" if tiyn < 0 else ""
    tenge, rest = divmod(abs(tiyn), 100)
    fraction = f",{rest:02}" if rest else ""
    return f"{sign}{written_number(tenge)}{fraction}{_SPACE}{_TENGE}"


def read_amount(written: str) -> int | None:
    """Tiyn of what a person typed (``12 500,50``, ``12500.5``, with or without ₸), or None.

    Spaces stand between groups of three digits only: ``12 50`` could mean 12,50 or 1250, so it means nothing.
    """
    match = _AMOUNT.fullmatch(written.strip())
    if match is None:
        return None
    return int(_NOT_A_DIGIT.sub("", match[1])) * 100 + int((match[2] or "").ljust(2, "0"))


def written_time(moment: int) -> str:
    """Unix seconds (0 to LAST_TIME) as day and time in the zone of this device."""
    return time.strftime("%d.%m.%Y %H:%M", time.localtime(moment))
