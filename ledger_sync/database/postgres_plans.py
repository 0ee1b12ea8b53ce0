"""Plans that a connection to PostgreSQL keeps: how long each may be relied on.

Rule: a plan that is kept was made for the tables as they were. On a small one an index that finds all rows costs no
more than one that finds the right one, and the plan would go on with it whatever becomes of the table. So a connection
forgets its plans each time it has been used four times as often as when it last did: tables grow by being used, and a
plan never reads more than four times what it was chosen over. All of it costs some twenty plannings a statement, ever.
"""

from __future__ import annotations

from typing import Final

FORGET: Final = "discard plans"
"""Every statement stays prepared, and is planned anew when it is used next."""
_FIRST: Final = 16
_TIMES: Final = 4


class Plans:
    """Those of one connection."""

    def __init__(self) -> None:
        self._used = 0
        self._until = _FIRST

    def are_old(self) -> bool:
        """Whether they are to be forgotten before it is used now."""
        self._used += 1
        if self._used < self._until:
            return False
        self._until *= _TIMES
        return True
