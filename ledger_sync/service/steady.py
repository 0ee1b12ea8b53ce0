"""The clock that a service signs by: it does not leave its last word by days without somebody's word for it.

Rule: a time more than two days from the last one that this service went by is good only if a peer's signed time is
within an hour of it, or the operator has said so; until then whatever needs the time is refused (CLOCK_UNSURE). So a
machine that comes up in the wrong year signs nothing, and one that was off for a month goes on by itself.

The last word lies in the file `clock` of the home folder, as seconds in decimal. Writing the present time there is the
operator's word: a service that waits reads it again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from pathlib import Path
from typing import Final

from ledger_sync.http.call import Clock
from wallet.protocol.bounds import FAR_AHEAD
from wallet.protocol.codes import Code, Refusal

FILE: Final = "clock"
HOUR: Final = 3_600
"""Seconds by which a peer's clock may differ; and between two notes of the last word."""
_log: Final = logging.getLogger(__name__)


class SteadyClock:
    """Unix seconds, as often as they can be stood for. Safe to share between threads: each step is one assignment or
    one file replaced."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._file = folder / FILE
        self._clock = clock
        self._last = read_word(folder)
        self._told: int | None = None

    def __call__(self) -> int:
        """The time. CLOCK_UNSURE, with the last word and the time that the clock says."""
        now = self._clock()
        if self._is_far(now):
            self._last = read_word(self._file.parent)
        last = self._last
        if last is not None and self._is_far(now):
            if self._told != last:
                self._told = last
                facts = {"now": now, "time": last}
                _log.warning(
                    "the clock is far from the last word: waiting for a peer or the operator", extra=facts
                )
            raise Refusal(Code.CLOCK_UNSURE, {"time": last, "now": now})
        if last is None or abs(now - last) >= HOUR:
            self._keep(now)
        return now

    def hear(self, time: int) -> None:
        """What a peer has just signed as the present time, unix seconds."""
        now = self._clock()
        if self._is_far(now) and abs(time - now) <= HOUR:
            _log.warning("a peer stands for the clock", extra={"now": now, "time": self._last})
            self._keep(now)

    def _is_far(self, now: int) -> bool:
        return self._last is not None and abs(now - self._last) > FAR_AHEAD

    def _keep(self, now: int) -> None:
        self._last = now
        write_word(self._file.parent, now)


def read_word(folder: Path) -> int | None:
    """The last word of the service in this folder; None before there is any, or where nothing can be read in it."""
    try:
        return int((folder / FILE).read_text("ascii"))
    except (OSError, ValueError):
        return None


def write_word(folder: Path, time: int) -> None:
    """Durable, and never half there, whoever else writes. A folder that takes nothing keeps the word that it has."""
    beside = folder / f"{FILE}.{os.getpid()}.{threading.get_ident()}.part"
    with contextlib.suppress(OSError):
        with beside.open("w", encoding="ascii") as stream:
            stream.write(str(time))
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(folder / FILE)
