"""Texts out of pictures: one port, two decoders behind it, and pictures from files.

Rule: a reader never raises for what a picture shows; what is no plain ASCII text of a QR code is left out
(zbar guesses a charset for anything else). Files are bounded by size, kind, pixels and frames before they
are decoded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Protocol

from PIL import Image, ImageFilter, ImageSequence

MAX_FILE_BYTES: Final = 32 * 1024 * 1024
MAX_PIXELS: Final = 25_000_000
"""Of one picture: twice what a phone takes unasked, eighty times what a QR code needs."""
MAX_FILE_FRAMES: Final = 2_000
MAX_FILE_PIXELS: Final = 1_000_000_000
"""Of all the frames of one animated file."""
MAX_FOLDER_FILES: Final = 10_000
FORMATS: Final = ("PNG", "GIF", "JPEG", "WEBP", "BMP")
SUFFIXES: Final = (".png", ".gif", ".jpg", ".jpeg", ".webp", ".bmp")

SMALLEST_CODE: Final = 21
"""Modules, so at least pixels, along the side of a version 1 code."""

_SMOOTH: Final = ImageFilter.Kernel((3, 3), (1, 2, 1, 2, 4, 2, 1, 2, 1))


class Reader(Protocol):
    """Finds QR codes in one picture."""

    def read(self, image: Image.Image) -> list[str]:
        """The texts of the QR codes in `image`, in no particular order; empty when there are none."""
        ...


class ReaderMissing(Exception):
    """No decoder is installed: neither zxing-cpp nor pyzbar with the zbar library (Debian: libzbar0)."""


class PyzbarReader:
    """zbar by way of `pyzbar`: as it is, then once more smoothed, which noise makes necessary. Raises
    ReaderMissing."""

    def __init__(self) -> None:
        try:
            from pyzbar import pyzbar
        except ImportError as error:
            raise ReaderMissing("pyzbar or the zbar library is missing") from error
        self._decode = pyzbar.decode
        self._kinds = [pyzbar.ZBarSymbol.QRCODE]

    def read(self, image: Image.Image) -> list[str]:
        return _two_looks(image, self._look)

    def _look(self, gray: Image.Image) -> list[str]:
        found = self._decode((gray.tobytes(), gray.width, gray.height), symbols=self._kinds)
        return [text for symbol in found if (text := _plain(symbol.data)) is not None]


class ZxingReader:
    """`zxing-cpp`: as it is, then once more smoothed. Raises ReaderMissing."""

    def __init__(self) -> None:
        try:
            import zxingcpp
        except ImportError as error:
            raise ReaderMissing("zxing-cpp is missing") from error
        self._decode = zxingcpp.read_barcodes
        self._kinds = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)

    def read(self, image: Image.Image) -> list[str]:
        return _two_looks(image, self._look)

    def _look(self, gray: Image.Image) -> list[str]:
        found = self._decode(gray, formats=self._kinds)
        return [text for symbol in found if (text := _plain(symbol.bytes)) is not None]


def best_reader() -> Reader:
    """The better of the decoders installed: zxing-cpp, else zbar (MEASURED.md). Raises ReaderMissing."""
    if find_spec("zxingcpp") is not None:
        return ZxingReader()
    return PyzbarReader()


def _two_looks(image: Image.Image, look: Callable[[Image.Image], list[str]]) -> list[str]:
    if min(image.size) < SMALLEST_CODE:
        return []
    gray = gray_of(image)
    return look(gray) or look(gray.filter(_SMOOTH))


def gray_of(image: Image.Image) -> Image.Image:
    """In 256 grays; what is transparent becomes white."""
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image if image.mode == "L" else image.convert("L")


def _plain(data: bytes) -> str | None:
    return data.decode("ascii") if data.isascii() else None


class PictureFault(Enum):
    """Why a file gives no pictures."""

    MISSING = "missing"
    NOT_A_FILE = "not_a_file"
    TOO_LARGE = "too_large"
    UNREADABLE = "unreadable"


class PictureError(Exception):
    """`path` gives no (further) pictures, because of `fault`."""

    def __init__(self, fault: PictureFault, path: Path) -> None:
        super().__init__(f"{path}: {fault.value}")
        self.fault = fault
        self.path = path


def read_pictures(
    paths: Path | Sequence[Path],
    reader: Reader,
    on_fault: Callable[[PictureError], None] | None = None,
) -> Iterator[str]:
    """The texts in picture files and folders, in the order given; a folder's in natural order (2 before 10).

    Of a folder only files with a picture's suffix are read. A file that gives no pictures raises
    PictureError, or is told to `on_fault` and passed over.
    """
    for path in [paths] if isinstance(paths, Path) else paths:
        try:
            files = picture_files(path)
        except PictureError as error:
            _fault(error, on_fault)
            continue
        for file in files:
            try:
                for image in images_in(file):
                    yield from reader.read(image)
            except PictureError as error:
                _fault(error, on_fault)


def _fault(error: PictureError, on_fault: Callable[[PictureError], None] | None) -> None:
    if on_fault is None:
        raise error
    on_fault(error)


def picture_files(path: Path) -> list[Path]:
    """A folder's pictures in natural order, or the one file. Raises PictureError."""
    if not path.is_dir():
        return [path]
    files: list[Path] = []
    for file in path.iterdir():
        if file.suffix.lower() in SUFFIXES and not file.name.startswith("."):
            files.append(file)
        if len(files) > MAX_FOLDER_FILES:
            raise PictureError(PictureFault.TOO_LARGE, path)
    return sorted(files, key=_natural)


def _natural(path: Path) -> list[tuple[bool, int, str]]:
    parts = re.findall(r"[0-9]+|[^0-9]+", path.name)
    return [(False, int(part), "") if part[0] in "0123456789" else (True, 0, part) for part in parts]


def images_in(path: Path) -> Iterator[Image.Image]:
    """The pictures in one file, bounded before they are decoded. Raises PictureError."""
    _check_file(path)
    try:
        with Image.open(path, formats=FORMATS) as image:
            pixels = 0
            for number, frame in enumerate(ImageSequence.Iterator(image)):
                pixels += frame.width * frame.height
                if frame.width * frame.height > MAX_PIXELS or pixels > MAX_FILE_PIXELS:
                    raise PictureError(PictureFault.TOO_LARGE, path)
                if number >= MAX_FILE_FRAMES:
                    raise PictureError(PictureFault.TOO_LARGE, path)
                frame.load()
                yield frame
    except PictureError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(PictureFault.TOO_LARGE, path) from error
    except Exception as error:
        raise PictureError(PictureFault.UNREADABLE, path) from error


def _check_file(path: Path) -> None:
    if not path.exists():
        raise PictureError(PictureFault.MISSING, path)
    if not path.is_file():
        raise PictureError(PictureFault.NOT_A_FILE, path)
    if path.stat().st_size > MAX_FILE_BYTES:
        raise PictureError(PictureFault.TOO_LARGE, path)
