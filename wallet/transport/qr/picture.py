"""Frames as pictures: on a screen, in a file, on paper, in a terminal.

Rule: alphanumeric mode, the smallest version that holds the text, a quiet zone of four modules (ISO/IEC
18004), every module the same whole number of pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from itertools import islice
from pathlib import Path
from typing import Final

import qrcode
from PIL import Image
from qrcode.util import BIT_LIMIT_TABLE, MODE_ALPHA_NUM, QRData, length_in_bits

from wallet.transport.qr.frames import DEFAULT_CHUNK, FrameEncoder
from wallet.transport.qr.layout import chunk_of_text

QUIET_ZONE: Final = 4
SCREEN_MASK: Final = 0
"""Taken without trying the other seven: frames are scrambled, so any is as good (MEASURED.md), three times
faster. Print takes the best."""
SCREEN_BOX: Final = 6
"""Pixels per module."""
STATIC_CHUNK: Final = 625
"""Bytes of the longest message put into one still picture: version 18 at level L, 20 at level M."""
SMALLEST_CHUNK: Final = 24
"""Bytes below which a frame is mostly its own head."""
_MODULES_BASE: Final = 17
_MODULES_STEP: Final = 4
"""Version v of a QR code is 17 + 4 v modules wide (ISO/IEC 18004)."""
_LAST_VERSION: Final = 40
SCREEN_FPS: Final = 10
"""At most half of what a camera that takes 30 pictures a second can follow."""


class Correction(Enum):
    """Error correction levels of a QR code: how much of the picture may be lost."""

    SCREEN = qrcode.ERROR_CORRECT_L
    PRINT = qrcode.ERROR_CORRECT_M
    OUTDOORS = qrcode.ERROR_CORRECT_Q


class Ground(Enum):
    """Who paints the ground that a QR code in a terminal stands on."""

    PAINTED = "painted"
    """Escape sequences ask for black on white: scans on any terminal that knows colours."""
    DARK = "dark"
    """Plain text for light letters on a dark ground: letters are the light modules."""
    LIGHT = "light"
    """Plain text for dark letters on a light ground: letters are the dark modules."""


def modules(
    text: str,
    *,
    correction: Correction = Correction.SCREEN,
    border: int = QUIET_ZONE,
    screen_mask: int | None = SCREEN_MASK,
) -> list[list[bool]]:
    """Rows of modules, True for dark, `border` included. ``screen_mask``: for correction SCREEN; None: the best of all.

    Raises ValueError for characters outside alphanumeric mode and for a text too long for version 40.
    """
    mask = screen_mask if correction is Correction.SCREEN else None
    version = smallest_version(len(text), correction)
    code = qrcode.QRCode(version, error_correction=correction.value, border=border, mask_pattern=mask)
    code.add_data(QRData(text.encode("ascii"), mode=MODE_ALPHA_NUM), optimize=0)
    code.make(fit=False)
    rows: list[list[bool]] = code.get_matrix()
    return rows


def smallest_version(length: int, correction: Correction) -> int:
    """The version, 1 to 40, that holds so many alphanumeric characters: eleven bits a pair, six for one left over.

    The library finds it too, by writing all the bits, once or twice, before it writes them for the picture.
    ValueError where none does.
    """
    written = 4 + length // 2 * 11 + length % 2 * 6
    for version, room in enumerate(BIT_LIMIT_TABLE[correction.value]):
        if version and written + length_in_bits(MODE_ALPHA_NUM, version) <= room:
            return version
    raise ValueError(f"{length} characters fit no QR code of level {correction.name}")


def chunk_that_fits(modules_across: int) -> int:
    """Bytes of the largest chunk, at most DEFAULT_CHUNK, whose frame is so many modules wide at most, quiet zone
    included; 0 where no useful frame is so small."""
    version = min((modules_across - 2 * QUIET_ZONE - _MODULES_BASE) // _MODULES_STEP, _LAST_VERSION)
    if version < 1:
        return 0
    room = BIT_LIMIT_TABLE[Correction.SCREEN.value][version] - 4 - length_in_bits(MODE_ALPHA_NUM, version)
    pairs, rest = divmod(room, 11)
    chunk = chunk_of_text(2 * pairs + (rest >= 6))
    return min(chunk, DEFAULT_CHUNK) if chunk >= SMALLEST_CHUNK else 0


def frame_image(
    text: str,
    *,
    box: int = SCREEN_BOX,
    border: int = QUIET_ZONE,
    correction: Correction = Correction.SCREEN,
    screen_mask: int | None = SCREEN_MASK,
) -> Image.Image:
    """One frame as a black-and-white picture (mode "1"), `box` pixels per module, `border` modules around."""
    rows = modules(text, correction=correction, border=border, screen_mask=screen_mask)
    size = len(rows)
    flat = bytes(0 if dark else 255 for row in rows for dark in row)
    small = Image.frombytes("L", (size, size), flat)
    return small.resize((size * box, size * box), Image.Resampling.NEAREST).convert(
        "1", dither=Image.Dither.NONE
    )


def write_png(
    message: bytes,
    path: Path,
    *,
    box: int = SCREEN_BOX,
    correction: Correction = Correction.SCREEN,
    chunk_size: int = STATIC_CHUNK,
) -> None:
    """A message that fits one frame, as one PNG. Raises ValueError for a longer one: that needs an
    animation."""
    encoder = FrameEncoder(message, chunk_size)
    if encoder.chunk_count > 1:
        raise ValueError(
            f"{len(message)} bytes are {encoder.chunk_count} frames of {chunk_size} bytes, not one"
        )
    _save(frame_image(encoder.frame(0), box=box, correction=correction), path)


def write_gif(
    message: bytes,
    path: Path,
    *,
    fps: int = SCREEN_FPS,
    frames: int | None = None,
    box: int = SCREEN_BOX,
    chunk_size: int = DEFAULT_CHUNK,
) -> int:
    """An animated GIF that repeats for ever; returns the number of its frames (by default `loop_length`)."""
    encoder = FrameEncoder(message, chunk_size)
    count = frames or loop_length(encoder.chunk_count)
    pictures = [frame_image(text, box=box) for text in islice(encoder.frames(), count)]
    part = _part(path)
    pictures[0].save(
        part,
        format="GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=round(1000 / fps),
        loop=0,
        optimize=False,
    )
    part.replace(path)
    return count


def write_frames(
    message: bytes, folder: Path, count: int, *, box: int = SCREEN_BOX, chunk_size: int = DEFAULT_CHUNK
) -> list[Path]:
    """The first `count` frames as `frame-00000.png`, … in `folder`, made if missing; each appears whole."""
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    for number, text in enumerate(islice(FrameEncoder(message, chunk_size).frames(), count)):
        path = folder / f"frame-{number:05d}.png"
        _save(frame_image(text, box=box), path)
        paths.append(path)
    return paths


def loop_length(chunk_count: int) -> int:
    """Frames of an animation that ends and begins again: enough spare rows for half of them to be lost."""
    return 1 if chunk_count == 1 else 2 * chunk_count + 6


def terminal(text: str, *, unicode: bool = True, ground: Ground = Ground.PAINTED) -> str:
    """The frame as lines of text, quiet zone included, each ended by a newline.

    With `unicode` a character is one module wide and two high (U+2580 upper half block and its kin): a
    frame of `DEFAULT_CHUNK` bytes is 77 columns wide. Without, a module is two spaces wide, which needs
    `Ground.PAINTED`. PAINTED asks for black on white by escape sequence, so the code is never inverted; on
    DARK the light modules are drawn, on LIGHT the dark ones, and either is inverted on the other ground,
    which not every scanner reads.
    """
    rows = modules(text)
    if not unicode:
        if ground is not Ground.PAINTED:
            raise ValueError("without half blocks only a painted ground can show modules")
        return "".join(f"{_spaces(row)}\x1b[0m\n" for row in rows)
    if len(rows) % 2:
        rows.append([False] * len(rows[0]))
    lines = (
        "".join(_half_blocks(upper, lower, ground))
        for upper, lower in zip(rows[::2], rows[1::2], strict=True)
    )
    if ground is Ground.PAINTED:
        return "".join(f"\x1b[38;5;16;48;5;231m{line}\x1b[0m\n" for line in lines)
    return "".join(f"{line}\n" for line in lines)


def _half_blocks(upper: list[bool], lower: list[bool], ground: Ground) -> Iterator[str]:
    for above, below in zip(upper, lower, strict=True):
        if ground is Ground.DARK:
            above, below = not above, not below
        yield " ▄▀█"[2 * above + below]


def _spaces(row: list[bool]) -> str:
    return "".join("\x1b[48;5;16m  " if dark else "\x1b[48;5;231m  " for dark in row)


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def _save(image: Image.Image, path: Path) -> None:
    part = _part(path)
    image.save(part, format="PNG")
    part.replace(path)
