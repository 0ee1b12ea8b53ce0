"""Frames become pictures that both decoders read back byte for byte: files, animations and terminals."""

from __future__ import annotations

import random
import re
from itertools import islice
from pathlib import Path

import pytest
import qrcode
from PIL import Image
from qrcode.exceptions import DataOverflowError
from qrcode.util import BIT_LIMIT_TABLE, MODE_ALPHA_NUM, QRData, length_in_bits

from wallet.transport.qr.frames import DEFAULT_CHUNK, SLOW_CHUNK, FrameEncoder, FrameReceiver
from wallet.transport.qr.picture import (
    QUIET_ZONE,
    STATIC_CHUNK,
    Correction,
    Ground,
    frame_image,
    loop_length,
    modules,
    smallest_version,
    terminal,
    write_frames,
    write_gif,
    write_png,
)
from wallet.transport.qr.reader import PyzbarReader, Reader, ZxingReader, read_pictures

MESSAGE = random.Random(2).randbytes(6_050)
CELL_WIDTH, CELL_HEIGHT = 8, 16


@pytest.fixture(params=[PyzbarReader, ZxingReader])
def reader(request: pytest.FixtureRequest) -> Reader:
    made: Reader = request.param()
    return made


@pytest.mark.parametrize("correction", Correction)
@pytest.mark.parametrize("length", [1, 60, SLOW_CHUNK, DEFAULT_CHUNK, STATIC_CHUNK])
def test_pixels_give_the_text_back(reader: Reader, correction: Correction, length: int) -> None:
    for seed in range(3):
        text = FrameEncoder(random.Random(seed).randbytes(length), STATIC_CHUNK).frame(0)
        assert reader.read(frame_image(text, correction=correction)) == [text]


@pytest.mark.parametrize("message", [bytes(300), b"\xff" * 300, b"\x55" * 300, bytes(range(256))])
def test_monotonous_messages_can_be_read_too(reader: Reader, message: bytes) -> None:
    encoder = FrameEncoder(message, 100)
    for seq in range(6):
        assert reader.read(frame_image(encoder.frame(seq))) == [encoder.frame(seq)]


def test_modules_are_whole_pixels_with_a_quiet_zone() -> None:
    text = FrameEncoder(MESSAGE).frame(0)
    image = frame_image(text, box=3)
    assert image.mode == "1"
    assert image.size == (3 * (69 + 2 * QUIET_ZONE),) * 2
    assert image.crop((0, 0, image.width, 3 * QUIET_ZONE)).getextrema() == (255, 255)


@pytest.mark.parametrize(
    ("length", "correction", "version"),
    [
        (DEFAULT_CHUNK, Correction.SCREEN, 13),
        (SLOW_CHUNK, Correction.SCREEN, 8),
        (STATIC_CHUNK, Correction.SCREEN, 18),
        (STATIC_CHUNK, Correction.PRINT, 20),
    ],
)
def test_a_full_chunk_fills_the_version_it_was_chosen_for(
    length: int, correction: Correction, version: int
) -> None:
    text = FrameEncoder(bytes(length), length).frame(0)
    assert len(modules(text, correction=correction, border=0)) == 17 + 4 * version
    if length != STATIC_CHUNK:
        assert len(modules(text + "00", correction=correction, border=0)) > 17 + 4 * version


@pytest.mark.parametrize("correction", Correction)
def test_the_version_is_the_one_that_the_library_finds(correction: Correction) -> None:
    """Around every step from one version to the next."""
    steps = {1, 2}
    for version, room in enumerate(BIT_LIMIT_TABLE[correction.value][1:], 1):
        most = (room - 4 - length_in_bits(MODE_ALPHA_NUM, version)) * 2 // 11
        steps.update(range(max(1, most - 2), most + 3))
    for length in sorted(steps):
        code = qrcode.QRCode(error_correction=correction.value)
        code.add_data(QRData(b"A" * length, mode=MODE_ALPHA_NUM), optimize=0)
        try:
            found = code.best_fit()
        except (DataOverflowError, ValueError):
            found = None
        if found is None:
            with pytest.raises(ValueError):
                smallest_version(length, correction)
        else:
            assert smallest_version(length, correction) == found


def test_a_text_that_fits_no_code_is_refused() -> None:
    for text in ("A" * 4_297, "lower case", "тенге"):
        with pytest.raises(ValueError):
            frame_image(text)


def test_png_holds_one_short_message(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "request.png"
    write_png(MESSAGE[:STATIC_CHUNK], path, correction=Correction.PRINT)
    receiver = FrameReceiver()
    assert [receiver.add(text).complete for text in read_pictures(path, reader)] == [True]
    assert receiver.message == MESSAGE[:STATIC_CHUNK]
    with pytest.raises(ValueError):
        write_png(MESSAGE[: STATIC_CHUNK + 1], path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("length", [100, 620, 6_050])
def test_gif_holds_every_frame(reader: Reader, tmp_path: Path, length: int) -> None:
    path = tmp_path / "payment.gif"
    message = MESSAGE[:length]
    encoder = FrameEncoder(message)
    count = write_gif(message, path)
    assert count == loop_length(encoder.chunk_count)
    assert list(read_pictures(path, reader)) == list(islice(encoder.frames(), count))
    with Image.open(path) as image:
        assert image.info.get("duration", 100) == 100
        assert image.info["loop"] == 0 or count == 1


def test_gif_takes_its_pace_and_length(tmp_path: Path) -> None:
    assert write_gif(MESSAGE, tmp_path / "slow.gif", fps=5, frames=4) == 4
    with Image.open(tmp_path / "slow.gif") as image:
        assert (image.info["duration"], getattr(image, "n_frames", 1)) == (200, 4)


def test_folder_of_frames(reader: Reader, tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    paths = write_frames(MESSAGE, folder, 18)
    assert sorted(folder.iterdir()) == paths
    receiver = FrameReceiver()
    assert [receiver.add(text).rank for text in read_pictures(folder, reader)][:16] == list(range(1, 17))
    assert receiver.message == MESSAGE


def painted(drawing: str, *, letters: int, ground: int) -> Image.Image:
    """What a terminal shows: cells of 8 x 16 pixels, its own two grays unless the drawing asks for others."""
    lines = drawing.splitlines()
    width = max(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in lines)
    image = Image.new("L", ((width + 4) * CELL_WIDTH, (len(lines) + 2) * CELL_HEIGHT), ground)
    levels = {"16": 0, "231": 255}
    for row, line in enumerate(lines, 1):
        column, ink, paper = 2, letters, ground
        for escape, letter in re.findall(r"\x1b\[([0-9;]*)m|(.)", line):
            if not letter:
                ink, paper = letters, ground
                for kind, level in re.findall(r"(38|48);5;(\d+)", escape):
                    ink, paper = (levels[level], paper) if kind == "38" else (ink, levels[level])
                continue
            halves = {" ": (paper, paper), "▀": (ink, paper), "▄": (paper, ink), "█": (ink, ink)}[letter]
            for half, level in enumerate(halves):
                box = (CELL_WIDTH * column, CELL_HEIGHT * row + half * CELL_HEIGHT // 2)
                image.paste(level, (*box, box[0] + CELL_WIDTH, box[1] + CELL_HEIGHT // 2))
            column += 1
    return image


DARK_THEME = {"letters": 204, "ground": 30}
LIGHT_THEME = {"letters": 20, "ground": 250}


@pytest.mark.parametrize(
    ("ground", "theme"),
    [
        (Ground.PAINTED, DARK_THEME),
        (Ground.PAINTED, LIGHT_THEME),
        (Ground.DARK, DARK_THEME),
        (Ground.LIGHT, LIGHT_THEME),
    ],
)
def test_terminal_scans(reader: Reader, ground: Ground, theme: dict[str, int]) -> None:
    for text in (FrameEncoder(MESSAGE).frame(17), FrameEncoder(b"request").frame(0)):
        assert reader.read(painted(terminal(text, ground=ground), **theme)) == [text]


def test_terminal_without_half_blocks_scans_painted(reader: Reader) -> None:
    text = FrameEncoder(b"request").frame(0)
    drawing = terminal(text, unicode=False)
    assert drawing.isascii()
    wide = painted(drawing, **DARK_THEME)
    assert reader.read(wide) == [text]
    with pytest.raises(ValueError):
        terminal(text, unicode=False, ground=Ground.DARK)


def test_plain_terminal_text_has_no_escapes_and_fits_80_columns() -> None:
    text = FrameEncoder(MESSAGE).frame(0)
    for ground in (Ground.DARK, Ground.LIGHT):
        lines = terminal(text, ground=ground).splitlines()
        assert {len(line) for line in lines} == {len(modules(text))}
        assert len(lines[0]) <= 80
        assert set("".join(lines)) <= set(" ▄▀█")
