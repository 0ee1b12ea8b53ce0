"""Pictures from files, as if a camera saw them one after the other, again and again."""

from __future__ import annotations

import time
from collections.abc import Generator
from pathlib import Path
from typing import Final

from PIL import Image

from app.camera.pacing import Pace, Seconds
from app.camera.ports import MAX_SIDE, CameraError, CameraTrouble, Picture
from wallet.transport.qr.reader import PictureError, gray_of, images_in, picture_files

RATE: Final = 10.0
"""Pictures a second: as fast as codes are shown."""


class PictureFolder:
    """``path``: a folder, read in natural order (2 before 10) and anew in each round, or one picture or GIF.

    What is no picture is passed over. Raises ``CameraError``: NOT_FOUND, NOT_ALLOWED, NO_PICTURES.
    """

    def __init__(self, path: Path, *, rate: float = RATE, seconds: Seconds = time.monotonic) -> None:
        self._path = path
        self._pace = Pace(rate, seconds)
        self._number = 0
        if not path.exists():
            raise CameraError(CameraTrouble.NOT_FOUND, str(path))
        self._round = self._pictures()
        self._next: Image.Image | None = self._advance()

    def read(self) -> Picture | None:
        """``CameraError``: LOST where the folder went away or was emptied."""
        due = self._pace.due()
        if due < 1:
            return None
        for _ in range(due - (self._next is not None)):
            self._next = self._advance()
        image, self._next = self._next, None
        if image is None:
            return None
        self._number += 1
        return Picture(self._number, image.width, image.height, image.tobytes())

    def close(self) -> None:
        self._round.close()

    def _advance(self) -> Image.Image:
        """The next picture; after the last the first."""
        for _ in range(2):
            for image in self._round:
                return image
            self._round = self._pictures()
        raise CameraError(CameraTrouble.LOST if self._number else CameraTrouble.NO_PICTURES, str(self._path))

    def _pictures(self) -> Generator[Image.Image, None, None]:
        """One round."""
        try:
            files = picture_files(self._path)
        except PermissionError as error:
            raise CameraError(CameraTrouble.NOT_ALLOWED, str(self._path)) from error
        except (PictureError, OSError):
            return
        for file in files:
            try:
                for image in images_in(file):
                    if max(image.size) <= MAX_SIDE:
                        yield gray_of(image)
            except (PictureError, OSError):
                continue
