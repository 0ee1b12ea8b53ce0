"""Cameras and video files, by OpenCV: the same class for both, since they differ in their name only."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from app.camera.pacing import Pace, Seconds
from app.camera.ports import CameraError, CameraTrouble, Picture

if TYPE_CHECKING:
    import cv2

WANTED: Final = (1_280, 720)
"""Pixels asked of a camera; it gives what it has. 640 × 480 reads codes of up to 400 bytes, this all that we show."""
_RATES: Final = (1.0, 60.0)
_USUAL_RATE: Final = 30.0


class WebCamera:
    """``device``: a camera's number, or a video file, which runs at its own rate and begins again at its end.

    Raises ``CameraError``: NOT_FOUND, NOT_ALLOWED, NO_PICTURES, PACKAGE_MISSING.
    """

    def __init__(
        self, device: int | Path, *, devices: Path = Path("/dev"), seconds: Seconds = time.monotonic
    ) -> None:
        self._device = device
        self._number = 0
        _check(device, devices)
        self._cv = _opencv()
        self._capture = self._opened()
        self._pace = None if isinstance(device, int) else Pace(_rate(self._cv, self._capture), seconds)

    def read(self) -> Picture | None:
        """``CameraError``: LOST, or NO_PICTURES where a video file has none from its beginning on."""
        due = 1 if self._pace is None else self._pace.due()
        if due < 1:
            return None
        try:
            for _ in range(due - 1):
                self._capture.grab()
            frame = self._next()
        except self._cv.error as error:
            raise self._error(CameraTrouble.LOST) from error
        self._number += 1
        height, width = frame.shape[:2]
        return Picture(self._number, width, height, frame.tobytes())

    def close(self) -> None:
        self._capture.release()

    def _opened(self) -> cv2.VideoCapture:
        cv = self._cv
        if isinstance(self._device, int):
            interface = cv.CAP_V4L2 if sys.platform == "linux" else cv.CAP_ANY
            capture: cv2.VideoCapture = cv.VideoCapture(self._device, interface)
            capture.set(cv.CAP_PROP_FRAME_WIDTH, WANTED[0])
            capture.set(cv.CAP_PROP_FRAME_HEIGHT, WANTED[1])
            capture.set(cv.CAP_PROP_BUFFERSIZE, 1)
        else:
            capture = cv.VideoCapture(str(self._device))
        if not capture.isOpened():
            capture.release()
            raise self._error(CameraTrouble.NO_PICTURES)
        return capture

    def _next(self) -> Any:
        """The next picture, gray; a video file's first after its last."""
        is_there, frame = self._capture.read()
        if not is_there and self._pace is not None:
            self._capture.release()
            self._capture = self._opened()
            is_there, frame = self._capture.read()
        if not is_there:
            raise self._error(CameraTrouble.NO_PICTURES if self._pace is not None else CameraTrouble.LOST)
        return frame if frame.ndim == 2 else self._cv.cvtColor(frame, self._cv.COLOR_BGR2GRAY)

    def _error(self, trouble: CameraTrouble) -> CameraError:
        return CameraError(trouble, str(self._device))


def _check(device: int | Path, devices: Path) -> None:
    """What OpenCV would not tell apart."""
    path = devices / f"video{device}" if isinstance(device, int) else device
    if isinstance(device, int) and sys.platform != "linux":
        return
    if not path.exists():
        raise CameraError(CameraTrouble.NOT_FOUND, str(device))
    if not os.access(path, os.R_OK):
        raise CameraError(CameraTrouble.NOT_ALLOWED, str(device))


def _opencv() -> Any:
    """Quiet, and in one thread of its own: what it does here is small."""
    try:
        import cv2
    except ImportError as error:
        raise CameraError(CameraTrouble.PACKAGE_MISSING, "opencv") from error
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    cv2.setNumThreads(1)
    return cv2


def _rate(cv: Any, capture: cv2.VideoCapture) -> float:
    said = float(capture.get(cv.CAP_PROP_FPS))
    return said if _RATES[0] <= said <= _RATES[1] else _USUAL_RATE
