"""Measures the QR transport over simulated camera pictures and prints `wallet/transport/qr/MEASURED.md`.

    python -m tests.transport.qr.measure > wallet/transport/qr/MEASURED.md

Rule: all chance is seeded; only the milliseconds depend on the machine. Each frame is looked at once.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from tests.support.camera import FILL, HEIGHT, WIDTH, Level, snap
from wallet.transport.qr.frames import DEFAULT_CHUNK, SLOW_CHUNK, FrameEncoder, FrameReceiver
from wallet.transport.qr.picture import SCREEN_FPS, SCREEN_MASK, frame_image, modules
from wallet.transport.qr.reader import PyzbarReader, Reader, ZxingReader

LOSS = 0.3
RUNS = 25
PICTURES = 40
SLOW_FPS = 6
MESSAGES = {1: 600, 5: 2_150, 10: 4_100, 15: 6_050}
READERS: dict[str, Callable[[], Reader]] = {"zxing-cpp": ZxingReader, "pyzbar": PyzbarReader}


@dataclass(frozen=True, slots=True)
class Reception:
    """Frames shown until complete, and processor milliseconds for each picture looked at."""

    shown: int
    decode_ms: float


class Album:
    """Pictures of an endless row of frames, drawn once each."""

    def __init__(self, encoder: FrameEncoder) -> None:
        self._texts = encoder.frames()
        self._drawn: list[Image.Image] = []

    def page(self, number: int) -> Image.Image:
        while len(self._drawn) <= number:
            self._drawn.append(frame_image(next(self._texts)))
        return self._drawn[number]


def receive(album: Album, level: Level, reader: Reader, seed: int) -> Reception:
    """One reception from a random frame on, with `LOSS` of the frames never looked at."""
    chance, optics = random.Random(seed), np.random.default_rng(seed)
    receiver = FrameReceiver()
    start = chance.randrange(40)
    looked, spent = 0, 0.0
    for shown in range(1, 2_000):
        if chance.random() < LOSS:
            continue
        picture = snap(album.page(start + shown), level, optics)
        began = time.process_time()
        for text in reader.read(picture):
            receiver.add(text)
        spent += time.process_time() - began
        looked += 1
        if receiver.message is not None:
            return Reception(shown, 1_000 * spent / looked)
    raise RuntimeError("the message never arrived")


def receptions(chunk_size: int, fps: int) -> Iterator[str]:
    yield "| hops | bytes | chunks | decoder | pictures | frames, mean | 95% | seconds | 95% | decode, ms |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for hops, size in MESSAGES.items():
        encoder = FrameEncoder(random.Random(hops).randbytes(size), chunk_size)
        album = Album(encoder)
        for name, make in READERS.items():
            for level in Level:
                progress(f"{hops} hops, {chunk_size} bytes a chunk, {name}, {level.name}")
                runs = [receive(album, level, make(), seed) for seed in range(RUNS)]
                shown = sorted(run.shown for run in runs)
                mean, most = sum(shown) / RUNS, shown[-(-95 * RUNS // 100) - 1]
                decode = sum(run.decode_ms for run in runs) / RUNS
                yield (
                    f"| {hops} | {size} | {encoder.chunk_count} | {name} | {level.name.lower()} "
                    f"| {mean:.1f} | {most} | {mean / fps:.1f} | {most / fps:.1f} | {decode:.1f} |"
                )


def decoders() -> Iterator[str]:
    yield "| bytes in the frame | modules | pictures | zxing-cpp, read | ms | pyzbar, read | ms |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for size in (SLOW_CHUNK, 238, DEFAULT_CHUNK, 520, 625):
        for level in Level:
            progress(f"decoders, {size} bytes, {level.name}")
            texts = [frame_of(size, seed) for seed in range(PICTURES)]
            cells = [read_rate(make(), texts, level) for make in READERS.values()]
            shares = " | ".join(f"{share:.0%} | {spent:.1f}" for share, spent in cells)
            yield f"| {size} | {len(modules(texts[0], border=0))} | {level.name.lower()} | {shares} |"


def masks() -> Iterator[str]:
    yield "| mask | drawing, ms | pictures | zxing-cpp, read | pyzbar, read |"
    yield "| --- | --- | --- | --- | --- |"
    texts = [frame_of(DEFAULT_CHUNK, seed) for seed in range(PICTURES)]
    for name, mask in (("0", SCREEN_MASK), ("best of 8", None)):
        began = time.process_time()
        for text in texts:
            modules(text, screen_mask=mask)
        spent = 1_000 * (time.process_time() - began) / PICTURES
        for level in (Level.MILD, Level.ROUGH):
            progress(f"mask {name}, {level.name}")
            shares = [read_rate(make(), texts, level, mask)[0] for make in READERS.values()]
            yield f"| {name} | {spent:.0f} | {level.name.lower()} | {shares[0]:.0%} | {shares[1]:.0%} |"


def read_rate(
    reader: Reader, texts: list[str], level: Level, mask: int | None = SCREEN_MASK
) -> tuple[float, float]:
    """The share of pictures read right, and processor milliseconds for each."""
    optics = np.random.default_rng(7)
    right, spent = 0, 0.0
    for text in texts:
        picture = snap(frame_image(text, screen_mask=mask), level, optics)
        began = time.process_time()
        right += reader.read(picture) == [text]
        spent += time.process_time() - began
    return right / len(texts), 1_000 * spent / len(texts)


def frame_of(size: int, seed: int) -> str:
    return FrameEncoder(random.Random(seed).randbytes(size), size).frame(0)


def progress(words: str) -> None:
    print(words, file=sys.stderr)


INTRODUCTION = f"""\
# The QR transport, measured

Made by `python -m tests.transport.qr.measure > wallet/transport/qr/MEASURED.md`; everything but
the milliseconds comes out the same on every run with the same library versions.

Pictures are simulated (`tests/support/camera.py`): {WIDTH} x {HEIGHT} gray levels, the code with its
quiet zone {FILL:.0%} of the height, level L, each frame looked at once. No real camera was used: moiré,
autofocus and rolling shutter are missing, so take the figures as upper bounds.
"""

DECODERS = f"""
## Which decoder goes first, and how much a frame carries

{PICTURES} pictures each, looked at raw, then smoothed if nothing was found; processor
milliseconds a picture.
"""

DECODERS_SAY = f"""
zxing-cpp reads at least as many as zbar at every size, in a quarter of the time or less: it goes
first, and zbar is used where it is missing. {DEFAULT_CHUNK} bytes are what zbar still reads nearly always
in mild pictures, and the most that a terminal of 80 columns shows.
"""

MASKS = f"""
## The mask of a QR code

{PICTURES} pictures each, {DEFAULT_CHUNK} bytes in the frame.
"""

MESSAGES_WHOLE = f"""
## Whole messages

{LOSS:.0%} of the frames are never looked at, and the receiver joins at any frame. {RUNS} receptions
each. Chunks of {DEFAULT_CHUNK} bytes, {SCREEN_FPS} frames a second; decoding fits in between.
"""

MESSAGES_SLOW = f"""
The same in slow mode, for poor cameras: chunks of {SLOW_CHUNK} bytes, {SLOW_FPS} frames a second.
"""


def page() -> Iterator[str]:
    yield INTRODUCTION
    yield from levels()
    yield DECODERS
    yield from decoders()
    yield DECODERS_SAY + MASKS
    yield from masks()
    yield MESSAGES_WHOLE
    yield from receptions(DEFAULT_CHUNK, SCREEN_FPS)
    yield MESSAGES_SLOW
    yield from receptions(SLOW_CHUNK, SLOW_FPS)


def levels() -> Iterator[str]:
    yield "| pictures | rotation | corners moved | blur, px | noise | contrast | light falls off | JPEG |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for level in Level:
        optics = level.value
        yield (
            f"| {level.name.lower()} | ≤ {optics.rotation:g}° | ≤ {optics.perspective:.0%} | {optics.blur} "
            f"| {optics.noise:g} | {optics.contrast} | {optics.falloff:.0%} | {optics.jpeg or 'none'} |"
        )


if __name__ == "__main__":
    for line in page():
        print(line, flush=True)
