"""A window's pixels in a file, for another window's camera on the same machine. Sandbox only.

The file has a fixed size and is mapped into memory by both sides; the writer makes it whole under another name and
renames it, and removes it when the window closes. All numbers are little-endian.

    offset 0    magic, 8 bytes            b"QALTAPX1"
           8    capacity, u32             most pixels that a slot holds
          12    reserved, u32             0
          16    latest, u64               sequence number of the newest picture; 0: none yet
          24    reserved, 8 bytes         0
          32    slot 0
          32 + SLOT_HEADER + capacity     slot 1

    slot   0    sequence, u64             of the picture in it; 0: being written, or empty
           8    width, u32                pixels
          12    height, u32               pixels
          16    crc, u32                  CRC-32 (zlib) of the pixels
          20    reserved, u32             0
          24    pixels, capacity bytes    the first width × height count: gray, 0 black to 255 white, one byte each,
                                          rows from the top, each from the left

Picture n goes to slot n % 2, so the newest is never written over by the next. A reader takes `latest`, copies the
slot `latest % 2`, and keeps the copy only if the slot's sequence was `latest` before and after and the CRC is right;
else it begins again. Sequence numbers only grow while the file lives, by one with each picture; pictures are written
when the window has changed, at most about 15 times a second. A picture with more pixels than `capacity` is halved
until it fits.
"""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from pathlib import Path
from typing import Final

from PIL import Image

MAGIC: Final = b"QALTAPX1"
HEADER: Final = struct.Struct("<8sIIQ8x")
LATEST: Final = struct.Struct("<Q")
LATEST_AT: Final = 16
SLOT: Final = struct.Struct("<QIIII")
SLOT_COUNT: Final = 2
CAPACITY: Final = 4_194_304
"""2,048 × 2,048 pixels; the file is sparse, so only what is used takes room."""
PICTURES_A_SECOND: Final = 15


def slot_at(sequence: int, capacity: int) -> int:
    """Where the slot of picture ``sequence`` begins."""
    return HEADER.size + (sequence % SLOT_COUNT) * (SLOT.size + capacity)


class Publication:
    """The writing side. Raises OSError where the file cannot be made."""

    def __init__(self, path: Path, capacity: int = CAPACITY) -> None:
        self._path = path
        self._capacity = capacity
        self._sequence = 0
        self._crc: tuple[int, tuple[int, int]] | None = None
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        with open(part, "w+b") as file:
            file.truncate(HEADER.size + SLOT_COUNT * (SLOT.size + capacity))
            self._map = mmap.mmap(file.fileno(), 0)
        self._map[: HEADER.size] = HEADER.pack(MAGIC, capacity, 0, 0)
        part.chmod(0o600)
        part.replace(path)

    @property
    def sequence(self) -> int:
        """How many pictures were written."""
        return self._sequence

    def write(self, picture: Image.Image) -> bool:
        """Write ``picture`` (any mode) unless it is the one written last; whether it was written."""
        gray = self._fitting(picture.convert("L"))
        pixels = gray.tobytes()
        crc = zlib.crc32(pixels)
        if (crc, gray.size) == self._crc:
            return False
        number = self._sequence + 1
        at = slot_at(number, self._capacity)
        self._map[at : at + SLOT.size] = SLOT.pack(0, *gray.size, crc, 0)
        self._map[at + SLOT.size : at + SLOT.size + len(pixels)] = pixels
        self._map[at : at + SLOT.size] = SLOT.pack(number, *gray.size, crc, 0)
        self._map[LATEST_AT : LATEST_AT + LATEST.size] = LATEST.pack(number)
        self._sequence, self._crc = number, (crc, gray.size)
        return True

    def _fitting(self, picture: Image.Image) -> Image.Image:
        while picture.width * picture.height > self._capacity:
            picture = picture.reduce(2)
        return picture

    def close(self) -> None:
        """Remove the file; whoever mapped it keeps the last picture."""
        self._map.close()
        self._path.unlink(missing_ok=True)
