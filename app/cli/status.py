"""Exit statuses of the command line: the same five everywhere."""

from __future__ import annotations

from enum import IntEnum

from app.wallets.missing import MissingPart

__all__ = ["MissingPart", "Status", "UsageError"]


class Status(IntEnum):
    """0 done, 1 refused, 2 usage, 3 something is missing, 4 interrupted: run again."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    MISSING = 3
    INTERRUPTED = 4


class UsageError(Exception):
    """The words of the command do not fit; the message is a key of the catalogue's ``usage`` table."""

    def __init__(self, name: str, /, **facts: int | str) -> None:
        super().__init__(name)
        self.name = name
        self.facts = facts
