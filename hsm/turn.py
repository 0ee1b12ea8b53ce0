"""Whose turn it is, where several processes of one service have one token open.

Rule: whatever writes a token's files (a login, a key made or destroyed, a record, the mending of what a crash left) is
done by one process at a time; signing is not held up by that. The kernel drops the lock when its holder dies, however
it dies, so whoever comes next finds what was left half done and nobody at it, and mends it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hsm.critical import critical


class Turn:
    """A turn of this process is one of a single thread (`hsm.critical`); inside a turn it is the same turn.

    `place` is the folder whose lock it is; None where a process has the token to itself, and always has the turn.
    """

    def __init__(self, place: Path | None) -> None:
        self._place = place
        self._depth = 0
        self._descriptor = -1

    @property
    def is_shared(self) -> bool:
        """Whether other processes may have the token open too."""
        return self._place is not None

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Waits for its turn. `OSError` where there is no descriptor left."""
        if self._place is None:
            yield
            return
        with critical():
            if self._depth == 0:
                self._descriptor = os.open(self._place, os.O_RDONLY | os.O_DIRECTORY)
            self._depth += 1
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX)
                yield
            finally:
                self._depth -= 1
                if self._depth == 0:
                    os.close(self._descriptor)
