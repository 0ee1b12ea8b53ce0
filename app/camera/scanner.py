"""The worker that looks: pictures from a source, texts out of them, and what to show of it.

Rule: what it finds is told in the window's thread only, by way of ``post``; after ``stop`` nothing more is told. Codes
of several messages in one picture are told together, and none of them alone: whoever points the camera chooses.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from PIL import Image

from app.camera.devices import open_camera
from app.camera.pacing import Seconds
from app.camera.ports import CameraError, CameraTrouble, FrameSource, Picture
from wallet.transport.qr import message_of
from wallet.transport.qr.reader import Reader, ReaderMissing, best_reader

Post = Callable[[Callable[[], None]], None]
"""Have a function called in the window's thread, soon and in order."""
Seen = Callable[[str], None]
"""Gets the text of a code."""
Several = Callable[[tuple[str, ...]], None]
"""Gets the texts of all the codes in view, which are of more than one message."""
Told = Callable[[str | None], None]
"""Gets why there are no pictures, as a name of the catalogue; None once pictures come."""

IDLE: Final = 0.01
"""Seconds until a source that had nothing new is asked again."""
REOPEN: Final = 1.0
"""Seconds until a camera that failed is tried again."""
AGAIN: Final = 1.0
"""Seconds after which a text that is still seen is told again: whoever listens may have waited for something else."""
_REMEMBERED: Final = 256
_JOIN: Final = 0.25
"""Seconds that ``stop`` waits for a thread; one that a camera's driver holds longer ends by itself."""


class Scanner:
    """A camera to look through. ``name`` is asked for at each start: the camera that is chosen now.

    Methods are for the window's thread.
    """

    def __init__(
        self,
        name: Callable[[], str],
        post: Post,
        *,
        opener: Callable[[str], FrameSource] = open_camera,
        decoder: Callable[[], Reader] = best_reader,
        seconds: Seconds = time.monotonic,
        reopen: float = REOPEN,
    ) -> None:
        """``reopen``: seconds until a camera that failed is tried again."""
        self._name = name
        self._post = post
        self._opener = opener
        self._decoder = decoder
        self._seconds = seconds
        self._reopen = reopen
        self._look: _Look | None = None

    def start(self, seen: Seen, trouble: Told, several: Several) -> None:
        """Begin to look, with new listeners; a look that is under way ends."""
        before = self._look
        self.stop()
        listeners = _Listeners(seen, trouble, several)
        self._look = _Look(
            self._name(), self._post, listeners, self._opener, self._decoder, self._seconds, self._reopen
        )
        self._look.start(after=before)

    def stop(self) -> None:
        """Nothing is told from now on, and the camera is let go."""
        if self._look is not None:
            self._look.stop()

    def latest(self) -> Picture | None:
        """The newest picture, of the look that is under way."""
        return None if self._look is None else self._look.latest


@dataclass(frozen=True, slots=True)
class _Listeners:
    seen: Seen
    trouble: Told
    several: Several


class _Look:
    """From one start to one stop, in a thread of its own."""

    def __init__(
        self,
        name: str,
        post: Post,
        listeners: _Listeners,
        opener: Callable[[str], FrameSource],
        decoder: Callable[[], Reader],
        seconds: Seconds,
        reopen: float,
    ) -> None:
        self.latest: Picture | None = None
        self._name = name
        self._post = post
        self._listeners = listeners
        self._opener = opener
        self._decoder = decoder
        self._texts = _Told(seconds)
        self._reopen = reopen
        self._said: CameraTrouble | None = None
        self._is_seeing = False
        self._stopping = threading.Event()
        self._after: _Look | None = None
        self._thread = threading.Thread(target=self._run, name="qalta-camera", daemon=True)

    def start(self, after: _Look | None) -> None:
        """Once ``after`` has let go of its camera: a camera is opened once at a time."""
        self._after = after
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self.latest = None
        self._thread.join(_JOIN)

    # the thread

    def _run(self) -> None:
        if self._after is not None:
            self._after._thread.join()
            self._after = None
        try:
            decoder = self._decoder()
        except ReaderMissing:
            self._fail(CameraTrouble.DECODER_MISSING)
            return
        while not self._stopping.is_set():
            try:
                self._follow(decoder)
            except CameraError as error:
                self._fail(error.trouble)
                self._stopping.wait(self._reopen)

    def _follow(self, decoder: Reader) -> None:
        source = self._opener(self._name)
        try:
            while not self._stopping.is_set():
                picture = source.read()
                if picture is None:
                    self._stopping.wait(IDLE)
                else:
                    self._take(picture, decoder)
        finally:
            source.close()

    def _take(self, picture: Picture, decoder: Reader) -> None:
        if self._stopping.is_set():
            return
        self.latest = picture
        if not self._is_seeing:
            self._is_seeing, self._said = True, None
            self._tell(lambda: self._listeners.trouble(None))
        texts = decoder.read(Image.frombytes("L", (picture.width, picture.height), picture.gray))
        due = [text for text in texts if self._texts.is_due(text)]
        if len(texts) > 1:
            in_view = {text: message for text in texts if (message := message_of(text)) is not None}
            if len(set(in_view.values())) > 1:
                if due:
                    self._tell(lambda: self._listeners.several(tuple(in_view)))
                return
        for text in due:
            self._tell(lambda text=text: self._listeners.seen(text))  # type: ignore[misc]

    def _fail(self, trouble: CameraTrouble) -> None:
        """Tell it once, however often it is tried again."""
        self._is_seeing = False
        self.latest = None
        if trouble is not self._said:
            self._said = trouble
            self._tell(lambda: self._listeners.trouble(f"app_camera.{trouble.value}"))

    def _tell(self, news: Callable[[], None]) -> None:
        def run() -> None:
            if not self._stopping.is_set():
                news()

        self._post(run)


class _Told:
    """Which texts were told a moment ago: the same one, seen in thirty pictures a second, is told once."""

    def __init__(self, seconds: Seconds) -> None:
        self._seconds = seconds
        self._at: OrderedDict[str, float] = OrderedDict()

    def is_due(self, text: str) -> bool:
        now = self._seconds()
        if text in self._at and now - self._at[text] < AGAIN:
            return False
        self._at[text] = now
        self._at.move_to_end(text)
        if len(self._at) > _REMEMBERED:
            self._at.popitem(last=False)
        return True
