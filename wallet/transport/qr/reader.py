"""Texts out of pictures: one port, two decoders behind it, and pictures from files.

Rule: a reader never raises for what a picture shows, and what its decoder does not survive costs that look at
that picture and no other code; what is no plain ASCII text of a QR code is left out (zbar guesses a charset for
anything else). Both decoders read dark on light and light on dark, on any ground. Files are bounded by size, kind,
pixels and frames before they are decoded.
"""

from __future__ import annotations

import re
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Protocol

from PIL import Image, ImageFilter, ImageOps, ImageSequence, UnidentifiedImageError

MAX_FILE_BYTES: Final = 32 * 1024 * 1024
MAX_PIXELS: Final = 25_000_000
"""Of one picture: twice what a phone takes unasked, eighty times what a QR code needs. A larger JPEG is decoded at a
half, a quarter or an eighth of its size, which costs no more."""
MAX_FILE_FRAMES: Final = 2_000
MAX_FILE_PIXELS: Final = 1_000_000_000
"""Of all the frames of one animated file."""
MAX_FOLDER_FILES: Final = 10_000
FORMATS: Final = ("PNG", "GIF", "JPEG", "WEBP", "BMP")
SUFFIXES: Final = (".png", ".gif", ".jpg", ".jpeg", ".webp", ".bmp")

SMALLEST_CODE: Final = 21
"""Modules, so at least pixels, along the side of a version 1 code."""

_SMALLEST_SCALE: Final = 8
"""A JPEG can be decoded at 1/8 of its size at the least."""
_SMOOTH: Final = ImageFilter.Kernel((3, 3), (1, 2, 1, 2, 4, 2, 1, 2, 1))


class Reader(Protocol):
    """Finds QR codes in one picture."""

    def read(self, image: Image.Image) -> list[str]:
        """The texts of the QR codes in `image`, in no particular order; empty when there are none. For cameras: the
        first way of looking that finds one ends it."""
        ...

    def read_all(self, image: Image.Image) -> list[str]:
        """The same by every way of looking, each text once: for a picture that comes once."""
        ...


class ReaderMissing(Exception):
    """No decoder is installed: neither zxing-cpp nor pyzbar with the zbar library (Debian: libzbar0)."""


class _Looking(ABC):
    """What both readers share: the ways to look at a picture."""

    inverts = True
    """Whether the decoder needs to be shown light codes on dark inverted."""

    def read(self, image: Image.Image) -> list[str]:
        for found in self._looks(image):
            if found:
                return found
        return []

    def read_all(self, image: Image.Image) -> list[str]:
        return list(dict.fromkeys(text for found in self._looks(image) for text in found))

    def _looks(self, image: Image.Image) -> Iterator[list[str]]:
        """As it is, then once more smoothed, which noise makes necessary; then both inverted."""
        if min(image.size) < SMALLEST_CODE:
            return
        for gray in _grounds(image):
            yield self._survived(gray)
            yield self._survived(gray.filter(_SMOOTH))
            if self.inverts:
                inverted = ImageOps.invert(gray)
                yield self._survived(inverted)
                yield self._survived(inverted.filter(_SMOOTH))

    def _survived(self, gray: Image.Image) -> list[str]:
        try:
            symbols = self._decoded(gray)
        except Exception:  # noqa: BLE001 - about this look, and the next may do
            return []
        texts = (self._text(symbol) for symbol in symbols)
        return [text for text in texts if text is not None]

    def _text(self, symbol: Any) -> str | None:
        try:
            data = self._bytes(symbol)
        except Exception:  # noqa: BLE001 - about this code, and the others are whole
            return None
        return data.decode("ascii") if data.isascii() else None

    @abstractmethod
    def _decoded(self, gray: Image.Image) -> Sequence[Any]:
        """The decoder's own symbols."""

    @abstractmethod
    def _bytes(self, symbol: Any) -> bytes:
        """What a symbol of the decoder holds."""


class PyzbarReader(_Looking):
    """zbar by way of `pyzbar`, which reads dark on light only. Raises ReaderMissing."""

    def __init__(self) -> None:
        try:
            from pyzbar import pyzbar
        except ImportError as error:
            raise ReaderMissing("pyzbar or the zbar library is missing") from error
        self._decode = pyzbar.decode
        self._kinds = [pyzbar.ZBarSymbol.QRCODE]

    def _decoded(self, gray: Image.Image) -> Sequence[Any]:
        found: Sequence[Any] = self._decode((gray.tobytes(), gray.width, gray.height), symbols=self._kinds)
        return found

    def _bytes(self, symbol: Any) -> bytes:
        return bytes(symbol.data)


class ZxingReader(_Looking):
    """`zxing-cpp`, which inverts by itself. Raises ReaderMissing."""

    inverts = False

    def __init__(self) -> None:
        try:
            import zxingcpp
        except ImportError as error:
            raise ReaderMissing("zxing-cpp is missing") from error
        self._decode = zxingcpp.read_barcodes
        self._kinds = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)

    def _decoded(self, gray: Image.Image) -> Sequence[Any]:
        found: Sequence[Any] = self._decode(gray, formats=self._kinds)
        return found

    def _bytes(self, symbol: Any) -> bytes:
        return bytes(symbol.bytes)


def best_reader() -> Reader:
    """The better of the decoders installed: zxing-cpp, else zbar (MEASURED.md). Raises ReaderMissing."""
    if find_spec("zxingcpp") is not None:
        return ZxingReader()
    return PyzbarReader()


def _grounds(image: Image.Image) -> Iterator[Image.Image]:
    """In 256 grays: on white, and on black as well where it is transparent, for either may be its modules' colour."""
    yield gray_of(image)
    if image.has_transparency_data:
        yield _on(image, "black")


def gray_of(image: Image.Image) -> Image.Image:
    """In 256 grays; what is transparent becomes white."""
    if image.has_transparency_data:
        return _on(image, "white")
    return image if image.mode == "L" else image.convert("L")


def _on(image: Image.Image, colour: str) -> Image.Image:
    over = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", over.size, colour), over).convert("L")


class PictureFault(Enum):
    """Why a file gives no pictures."""

    MISSING = "missing"
    NOT_A_FILE = "not_a_file"
    TOO_LARGE = "too_large"
    NOT_A_PICTURE = "not_a_picture"
    """Another kind of file."""
    UNREADABLE = "unreadable"
    """A picture that is damaged."""


class PictureError(Exception):
    """`path` gives no (further) pictures, because of `fault`."""

    def __init__(self, fault: PictureFault, path: Path) -> None:
        super().__init__(f"{path}: {fault.value}")
        self.fault = fault
        self.path = path


@dataclass(frozen=True, slots=True)
class Look:
    """What one picture shows: ``texts`` in no particular order; ``path`` is its file."""

    path: Path
    texts: tuple[str, ...]


def read_pictures(
    paths: Path | Sequence[Path],
    reader: Reader,
    on_fault: Callable[[PictureError], None] | None = None,
) -> Iterator[str]:
    """The texts in picture files and folders, in the order given; a folder's in natural order (2 before 10).

    Of a folder only files with a picture's suffix are read. A file that gives no pictures raises
    PictureError, or is told to `on_fault` and passed over.
    """
    for look in look_at(paths, reader.read, on_fault):
        yield from look.texts


def look_at(
    paths: Path | Sequence[Path],
    read: Callable[[Image.Image], list[str]],
    on_fault: Callable[[PictureError], None] | None = None,
) -> Iterator[Look]:
    """As `read_pictures`, picture by picture. ``read``: one of a reader's two ways."""
    for path in [paths] if isinstance(paths, Path) else paths:
        try:
            files = picture_files(path)
        except PictureError as error:
            _fault(error, on_fault)
            continue
        for file in files:
            try:
                for image in images_in(file):
                    yield Look(file, tuple(read(image)))
            except PictureError as error:
                _fault(error, on_fault)


def _fault(error: PictureError, on_fault: Callable[[PictureError], None] | None) -> None:
    if on_fault is None:
        raise error
    on_fault(error)


def picture_files(path: Path, most: int = MAX_FOLDER_FILES) -> list[Path]:
    """A folder's pictures, ``most`` at most, in natural order, or the one file. Raises PictureError."""
    if not path.is_dir():
        return [path]
    files: list[Path] = []
    for file in path.iterdir():
        if file.suffix.lower() in SUFFIXES and not file.name.startswith("."):
            files.append(file)
        if len(files) > most:
            raise PictureError(PictureFault.TOO_LARGE, path)
    return sorted(files, key=_natural)


def _natural(path: Path) -> list[tuple[bool, int, str]]:
    parts = re.findall(r"[0-9]+|[^0-9]+", path.name)
    return [(False, int(part), "") if part[0] in "0123456789" else (True, 0, part) for part in parts]


def images_in(
    path: Path, frames: int = MAX_FILE_FRAMES, most: int = MAX_FILE_PIXELS
) -> Iterator[Image.Image]:
    """The pictures in one file, bounded before they are decoded: so many ``frames``, of ``most`` pixels together.
    Raises PictureError, and ``OSError`` where the system does not let it be read."""
    _check_file(path)
    try:
        with _opened(path) as image:
            _made_smaller(image)
            pixels = 0
            for number, frame in enumerate(ImageSequence.Iterator(image)):
                pixels += frame.width * frame.height
                if frame.width * frame.height > MAX_PIXELS or pixels > most:
                    raise PictureError(PictureFault.TOO_LARGE, path)
                if number >= frames:
                    raise PictureError(PictureFault.TOO_LARGE, path)
                frame.load()
                yield frame
    except (PictureError, PermissionError):
        raise
    except Image.DecompressionBombError as error:
        raise PictureError(PictureFault.TOO_LARGE, path) from error
    except UnidentifiedImageError as error:
        raise PictureError(PictureFault.NOT_A_PICTURE, path) from error
    except Exception as error:
        raise PictureError(PictureFault.UNREADABLE, path) from error


def _opened(path: Path) -> Image.Image:
    """Its head alone is read; that it is large is for us to judge, and no warning to print."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(path, formats=FORMATS)


def _made_smaller(image: Image.Image) -> None:
    """A JPEG of too many pixels is decoded at a fraction of its size."""
    scale = 1
    while image.width * image.height > MAX_PIXELS * scale * scale and scale < _SMALLEST_SCALE:
        scale *= 2
    if scale > 1:
        image.draft("L", (image.width // scale, image.height // scale))


def _check_file(path: Path) -> None:
    if not path.exists():
        raise PictureError(PictureFault.MISSING, path)
    if not path.is_file():
        raise PictureError(PictureFault.NOT_A_FILE, path)
    if path.stat().st_size > MAX_FILE_BYTES:
        raise PictureError(PictureFault.TOO_LARGE, path)
