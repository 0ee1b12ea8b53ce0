"""What a service writes about itself: JSON, an event a line, bounded in repeats and bytes, and without anybody's data.

Rule: a line is an event, in words that stand in the code, and fields of a closed list (`FIELDS`); what was put into an
event's words by anybody else, and what an exception says, is left out: of an exception its type, its code and where it
happened. So no PIN, key, name, account, token or transfer gets into a log, whatever a caller sends or a library says.

Of one event with the same facts three a minute are written, the first with where it happened; the next one afterwards
says how many were not. A log that is a file is cut at its limit, the part before kept once beside it. So whoever can
make a service complain can't fill its disk.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import shutil
import stat
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TextIO

from pythonjsonlogger.json import JsonFormatter

MOST_BYTES: Final = 1024 * 1024
"""Of a log file; there are at most two of them."""
REPEATS: Final = 3
WINDOW_SECONDS: Final = 60.0
MOST_KINDS: Final = 512
BEFORE: Final = ".before"
FIELDS: Final = (
    "role",  # of this service, or of another
    "peer",  # a service by its id in the directory, or the central bank
    "kind",  # of a job, a movement, a key: one of a closed list
    "route",  # of the table, never what was asked for
    "worker",
    "pid",  # of a process of this service
    "status",  # that it ended with
    "code",  # why: of Qalta's codes or the keystore's, or an errno's name
    "cause",  # a code beneath that, or the reason of a revocation
    "setting",  # by its name
    "file",
    "count",
    "version",
    "number",
    "seconds",
    "time",  # unix seconds
    "now",
)
"""All that a line may say besides its event. Whoever adds one says what it can hold: nothing that a customer or a
stranger chose, nothing that names a person, an account, a token or a transfer."""
_OURS: Final = ("ledger_sync", "hsm", "wallet")
_MOST_WORDS: Final = 160
_MOST_FRAMES: Final = 12
_MORE: Final = "more"
_BRIEF: Final = "brief"


@dataclass(slots=True)
class _Kind:
    since: float
    written: int = 0
    held: int = 0


class Repeats(logging.Filter):
    """Lets `REPEATS` of one event with the same facts through in `WINDOW_SECONDS`."""

    def __init__(self, elapsed: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._elapsed = elapsed
        self._kinds: dict[tuple[str, ...], _Kind] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written; it is made shorter where it repeats another."""
        now = self._elapsed()
        kind = self._kind(_same(record), now)
        if now - kind.since >= WINDOW_SECONDS:
            setattr(record, _MORE, kind.held)
            kind.since, kind.written, kind.held = now, 0, 0
        if kind.written >= REPEATS:
            kind.held += 1
            return False
        setattr(record, _BRIEF, kind.written > 0)
        kind.written += 1
        return True

    def _kind(self, same: tuple[str, ...], now: float) -> _Kind:
        if same not in self._kinds and len(self._kinds) >= MOST_KINDS:
            self._kinds.clear()
        return self._kinds.setdefault(same, _Kind(now))


class Lines(JsonFormatter):
    """One record as a line of JSON: time, level, logger, event, fields, and of an exception what may be told."""

    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        """All of a line, in its order; what others have put into the record besides is passed over."""
        log_data["time"] = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        log_data["level"] = record.levelname.lower()
        log_data["logger"] = record.name
        log_data["event"] = _event(record)
        for name in FIELDS:
            value = record.__dict__.get(name)
            if value is not None:
                log_data["at" if name == "time" else name] = _plain(value)
        if record.exc_info and record.exc_info[1] is not None:
            log_data |= told(record.exc_info[1], is_brief=bool(record.__dict__.get(_BRIEF)))
        if record.__dict__.get(_MORE):
            log_data[_MORE] = record.__dict__[_MORE]

    def formatException(self, ei: object) -> str:  # noqa: N802 - its name is logging's
        """Nothing: what an exception says in its own words is not written."""
        return ""


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


def write_bounded(level: int = logging.INFO, stream: TextIO = sys.stderr) -> None:
    """Have everything that this process says, its unforeseen end included, go to ``stream``, bounded."""
    handler = BoundedHandler(stream)
    handler.addFilter(Repeats())
    handler.setFormatter(Lines())
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.raiseExceptions = False  # a full disk: nothing to complain to
    for chatty in ("httpx", "uvicorn.error"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    sys.excepthook = _ended
    threading.excepthook = lambda held: _ended(held.exc_type, held.exc_value, held.exc_traceback)


def told(error: BaseException, *, is_brief: bool = False) -> dict[str, object]:
    """What may be told of an exception: its types from it to its first cause, its code and, where that is not told
    briefly, where it came about."""
    chain = [error]
    while (before := chain[-1].__cause__ or chain[-1].__context__) is not None and before not in chain:
        chain.append(before)
    said: dict[str, object] = {"error": " < ".join(type(one).__name__ for one in chain)}
    codes = [code for one in chain if isinstance(code := getattr(one, "code", None), Enum)]
    if codes:
        said["code"] = codes[0].value
    if is_brief:
        return said
    frames = [
        f"{frame.f_globals.get('__name__', '?')}:{line}"
        for frame, line in traceback.walk_tb(chain[-1].__traceback__)
    ]
    return {**said, "where": frames[-_MOST_FRAMES:]}


def code_of(error: BaseException) -> str:
    """Its code, the name of its errno, or its type."""
    code = getattr(error, "code", None)
    if isinstance(code, Enum):
        return str(code.value)
    number = error.errno if isinstance(error, OSError) else None
    return errno.errorcode.get(number or 0, type(error).__name__)


def _same(record: logging.LogRecord) -> tuple[str, ...]:
    """What makes two records the same event: all that is not a number."""
    facts = (record.__dict__.get(name) for name in FIELDS)
    error = record.exc_info[0] if record.exc_info else None
    kind = "" if error is None else error.__name__
    return (
        record.name,
        _event(record),
        kind,
        *(str(fact) if isinstance(fact, str) else "" for fact in facts),
    )


def _event(record: logging.LogRecord) -> str:
    """The words as they stand in the code. Of what is not ours the first line: others put more than words into it."""
    words = str(record.msg)
    if not record.name.startswith(_OURS):
        words = words.partition("\n")[0]
    return words[:_MOST_WORDS]


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    return value if isinstance(value, bool | int | float) else str(value)[:_MOST_WORDS]


def _ended(kind: type[BaseException], error: BaseException | None, _trace: TracebackType | None) -> None:
    if error is None or issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    logging.getLogger(__name__).critical("unforeseen", exc_info=(kind, error, error.__traceback__))
