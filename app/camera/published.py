"""Another window's pixels as a camera: the reading side of the file that `app.camera.publish` describes.

Rule: a picture that was being written over while it was copied is not taken.
"""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from pathlib import Path
from typing import Final

from app.camera.ports import MAX_SIDE, CameraError, CameraTrouble, Picture
from app.camera.publish import HEADER, LATEST, LATEST_AT, MAGIC, SLOT, SLOT_COUNT, slot_at

MAX_CAPACITY: Final = MAX_SIDE * MAX_SIDE
_LOOKS: Final = 3
"""How often a torn picture is looked at again before the next question."""


class PublishedWindow:
    """``path``: where the window publishes. A window that was closed and opened again is followed.

    Raises ``CameraError``: WINDOW_CLOSED, NOT_ALLOWED, NO_PICTURES (it is some other file).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._number = 0
        self._map, self._file, self._capacity = self._mapped()
        self._seen = 0

    def read(self) -> Picture | None:
        """``CameraError``: WINDOW_CLOSED, NO_PICTURES."""
        for _ in range(_LOOKS):
            latest = self._latest()
            if latest == self._seen:
                self._follow()
                return None
            picture = self._copied(latest)
            if picture is not None:
                self._seen = latest
                return picture
        return None

    def close(self) -> None:
        self._map.close()

    def _latest(self) -> int:
        return int(LATEST.unpack_from(self._map, LATEST_AT)[0])

    def _copied(self, latest: int) -> Picture | None:
        """The picture in ``latest``'s slot; None where it is not whole."""
        at = slot_at(latest, self._capacity)
        before = SLOT.unpack_from(self._map, at)
        sequence, width, height, crc, _ = before
        if sequence != latest or not 0 < width * height <= self._capacity or max(width, height) > MAX_SIDE:
            return None
        pixels = self._map[at + SLOT.size : at + SLOT.size + width * height]
        if SLOT.unpack_from(self._map, at) != before or zlib.crc32(pixels) != crc:
            return None
        self._number += 1
        return Picture(self._number, width, height, pixels)

    def _follow(self) -> None:
        """Nothing new: look whether the file is still the one that is mapped."""
        try:
            found = self._path.stat()
        except OSError as error:
            raise CameraError(CameraTrouble.WINDOW_CLOSED, str(self._path)) from error
        if (found.st_dev, found.st_ino) != self._file:
            self._map.close()
            self._map, self._file, self._capacity = self._mapped()
            self._seen = 0

    def _mapped(self) -> tuple[mmap.mmap, tuple[int, int], int]:
        """The file, which one it is, and the capacity that it states, checked against its size."""
        try:
            with open(self._path, "rb") as file:
                found = os.fstat(file.fileno())
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError as error:
            raise CameraError(CameraTrouble.WINDOW_CLOSED, str(self._path)) from error
        except PermissionError as error:
            raise CameraError(CameraTrouble.NOT_ALLOWED, str(self._path)) from error
        except (OSError, ValueError) as error:
            raise CameraError(CameraTrouble.NO_PICTURES, str(self._path)) from error
        capacity = _capacity(mapped)
        if capacity is None:
            mapped.close()
            raise CameraError(CameraTrouble.NO_PICTURES, str(self._path))
        return mapped, (found.st_dev, found.st_ino), capacity


def _capacity(mapped: mmap.mmap) -> int | None:
    try:
        magic, capacity, _, _ = HEADER.unpack_from(mapped)
    except struct.error:
        return None
    fits = len(mapped) == HEADER.size + SLOT_COUNT * (SLOT.size + int(capacity))
    return int(capacity) if magic == MAGIC and fits and 0 < capacity <= MAX_CAPACITY else None
