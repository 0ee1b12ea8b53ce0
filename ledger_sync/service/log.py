"""What a service writes about itself, bounded: in the number of its repeats, and in bytes.

Rule: of the same words (numbers and ids apart) three a minute are written, the first with where it happened; the next
one afterwards says how many were not. A log that is a file is cut at its limit, the part before kept once beside it. So
whoever can make a service complain can't fill its disk.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import shutil
import stat
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

MOST_BYTES: Final = 1024 * 1024
"""Of a log file; there are at most two of them."""
REPEATS: Final = 3
WINDOW_SECONDS: Final = 60.0
MOST_KINDS: Final = 512
BEFORE: Final = ".before"
_VARYING: Final = re.compile(r"[0-9a-f]{8,}|\d+")
_MOST_CHARACTERS: Final = 2_000


@dataclass(slots=True)
class _Kind:
    since: float
    written: int = 0
    held: int = 0


class Repeats(logging.Filter):
    """Lets `REPEATS` of the same words through in `WINDOW_SECONDS`."""

    def __init__(self, elapsed: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._elapsed = elapsed
        self._kinds: dict[str, _Kind] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written; it is made shorter where it repeats another."""
        now, message = self._elapsed(), record.getMessage()[:_MOST_CHARACTERS]
        kind = self._kind(record.name + _VARYING.sub("#", message), now)
        if now - kind.since >= WINDOW_SECONDS:
            message = f"{message} ({kind.held} more like this)" if kind.held else message
            kind.since, kind.written, kind.held = now, 0, 0
        if kind.written >= REPEATS:
            kind.held += 1
            return False
        record.msg, record.args = message, ()
        if kind.written:
            record.exc_info = record.exc_text = record.stack_info = None
        kind.written += 1
        return True

    def _kind(self, words: str, now: float) -> _Kind:
        if words not in self._kinds and len(self._kinds) >= MOST_KINDS:
            self._kinds.clear()
        return self._kinds.setdefault(words, _Kind(now))


class BoundedHandler(logging.StreamHandler[TextIO]):
    """Writes to a stream; where that is a file that is appended to, it never grows beyond `most` for long."""

    def __init__(self, stream: TextIO, most: int = MOST_BYTES) -> None:
        super().__init__(stream)
        self._most = most

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError, ValueError):  # ValueError: a stream that is no file
            self._cut(self.stream.fileno())
        super().emit(record)

    def _cut(self, descriptor: int) -> None:
        found = os.fstat(descriptor)
        is_appended = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_APPEND
        if not stat.S_ISREG(found.st_mode) or not is_appended or found.st_size < self._most:
            return
        with contextlib.suppress(OSError):  # without descriptors the part before is not kept
            path = Path(f"/proc/self/fd/{descriptor}").readlink()
            shutil.copyfile(path, path.with_name(path.name + BEFORE))
        os.ftruncate(descriptor, 0)


def write_bounded() -> None:
    """Have everything that this process says go to standard error, bounded."""
    handler = BoundedHandler(sys.stderr)
    handler.addFilter(Repeats())
    logging.basicConfig(
        handlers=[handler], level=logging.INFO, format="%(asctime)s %(name)s %(message)s", force=True
    )
    logging.raiseExceptions = False  # a full disk: nothing to complain to
    for chatty in ("httpx", "uvicorn.error"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
