"""A card's device in a thread of its own, tap after tap, while the wallet and its person stay in theirs.

Rule: the thread only carries; the wallet answers through `Mailbox`. What ends the device is raised where
it is asked for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from wallet.transport.nfc.loop import TapLoop
from wallet.transport.nfc.ports import CardDevice, Deadline

_LEAVING: Final = 5.0
"""Seconds that a device has to notice that it was closed."""


class Serving:
    """``answer``: one APDU in, one out, in the device's thread. A context: at its end the device is let go.

    ``taps``: how many readers came; ``heard_at``: when the last APDU was answered (``clock``, seconds), None before
    the first.
    """

    def __init__(
        self,
        device: CardDevice,
        answer: Callable[[bytes], bytes],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.taps = 0
        self.heard_at: float | None = None
        self._device = device
        self._answer = answer
        self._clock = clock
        self._is_met = False
        self._closing = threading.Event()
        self._loop = TapLoop(self._until, time.sleep, self._met)
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="nfc-card", daemon=True)

    def __enter__(self) -> Self:
        try:
            self._thread.start()
        except BaseException:
            # Ctrl-C may come while the thread starts: then nobody else would ever close it.
            self._closing.set()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._thread.join(_LEAVING)

    @property
    def is_met(self) -> bool:
        """A reader has this card now."""
        return self._is_met

    def check(self) -> None:
        """Raises what ended the device: ``DeviceError``, or what ``answer`` raised."""
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            for _ in self._loop.as_card(self._device, self._heard):
                self._is_met = False
        except Exception as error:  # noqa: BLE001
            self._error = error

    def _until(self, seconds: float) -> Deadline:
        return Deadline(self._clock, self._clock() + seconds, self._closing.is_set)

    def _met(self) -> None:
        self._is_met = True
        self.taps += 1

    def _heard(self, command: bytes) -> bytes:
        answer = self._answer(command)
        self.heard_at = self._clock()
        return answer
