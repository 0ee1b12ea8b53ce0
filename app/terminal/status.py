"""Exit statuses of the command line: the same five everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from app.wallets.missing import MissingPart

__all__ = ["MissingPart", "NotShown", "Status", "UsageError"]


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


class NotShown(Exception):
    """A code that the other side needs could not be shown or written, after what stands behind it was done.

    ``why``: the refusal that was in the way, a code of `hsm.storage`; ``facts`` are its own. ``go_on``: the name of the
    sentence that says how to show it again, and ``names`` what that speaks of.
    """

    def __init__(
        self, why: str, facts: Mapping[str, int | str], go_on: str, names: Mapping[str, str | int]
    ) -> None:
        super().__init__(why)
        self.why = why
        self.facts = facts
        self.go_on = go_on
        self.names = names
