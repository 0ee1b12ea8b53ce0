"""QR pictures of real payments: drawing and reading a frame, and how many frames a payment takes.

Pixels are clean: what a screenshot would give. What cameras do to them is measured in the transport's MEASURED.md.
The frames needed are counted from the first one shown after a random one, with a share of the frames never looked
at; all that chance is seeded with the round. A frame is drawn and read from its pixels once: clean pixels read
alike every time.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Final

from PIL import Image

from app.bench.figures import Figure, Findings, Unit, milliseconds, ratios, spread
from app.bench.rounds import Action, Laps, side_by_side
from app.bench.throwaway import Authorities
from app.terminal.show import Show
from app.terminal.status import MissingPart
from wallet.session.messages import PaymentMessage, encode
from wallet.transport.qr.frames import FrameEncoder, FrameReceiver
from wallet.transport.qr.picture import frame_image
from wallet.transport.qr.reader import PyzbarReader, Reader, ReaderMissing, ZxingReader, best_reader

HOPS: Final = (1, 5, 10, 15)
LOSSES: Final = (0, 30)
"""Hundredths of the frames that are never looked at."""
_READERS: Final[Mapping[str, Callable[[], Reader]]] = {"zxing": ZxingReader, "pyzbar": PyzbarReader}
_FRAMES: Final = 4
"""Frames in one lap; the figures are for one of them."""
_START: Final = 40
"""A receiver joins at one of so many first frames."""
_PATIENCE: Final = 2_000
"""Frames."""


def measure(rounds: int, show: Show) -> Findings:
    """Processor milliseconds per frame, drawn and read side by side, then the frames needed."""
    readers = _installed()
    messages = _messages()
    texts = FrameEncoder(messages[HOPS[-1]]).frames()

    def prepare() -> Mapping[str, Action]:
        fresh = list(islice(texts, _FRAMES))
        pictures = [frame_image(text) for text in fresh]
        reading = {name: partial(_read_each, reader, pictures) for name, reader in readers.items()}
        return {"encode": partial(_draw_each, fresh), **reading}

    with show.progress("bench.measuring_qr", rounds) as done:
        laps = side_by_side(rounds, prepare, done)
    needed = _needed(messages, rounds, show)
    return Findings({f"bytes_{hops}": len(raw) for hops, raw in messages.items()}, [*figures(laps), *needed])


def _installed() -> dict[str, Reader]:
    """MissingPart where there is none."""
    found: dict[str, Reader] = {}
    for name, make in _READERS.items():
        try:
            found[name] = make()
        except ReaderMissing:
            continue
    if not found:
        raise MissingPart("missing.reader")
    return found


def _messages() -> dict[int, bytes]:
    """By hop, what a payer shows: a payment as a session's message."""
    authorities = Authorities()
    payments = {hops: authorities.chain(authorities.people(hops + 1)).payment for hops in HOPS}
    return {hops: encode(PaymentMessage(paid.encode(), paid)) for hops, paid in payments.items()}


def _draw_each(texts: list[str]) -> None:
    for text in texts:
        frame_image(text)


def _read_each(reader: Reader, pictures: list[Image.Image]) -> None:
    for picture in pictures:
        reader.read(picture)


def figures(laps: Laps) -> list[Figure]:
    """Per frame: drawing, each reader there is, and each reader against drawing."""
    drawing = laps.cpu("encode")
    names = [name for name in _READERS if name in laps.by_name]
    lines = [
        Figure(
            f"{name}_ms",
            f"qr_{name}",
            Unit.MILLISECONDS,
            spread([value / _FRAMES for value in milliseconds(laps.cpu(name))]),
        )
        for name in ("encode", *names)
    ]
    lines += [
        Figure(f"{name}_ratio", f"qr_{name}_ratio", Unit.TIMES, spread(ratios(laps.cpu(name), drawing)))
        for name in names
    ]
    return lines


def _needed(messages: Mapping[int, bytes], rounds: int, show: Show) -> Iterator[Figure]:
    reader = best_reader()
    with show.progress("bench.counting_frames", len(messages)) as done:
        for count, (hops, raw) in enumerate(messages.items(), 1):
            album = Album(FrameEncoder(raw), reader)
            for loss in LOSSES:
                counts = [frames_needed(album.text, loss, random.Random(seed)) for seed in range(rounds)]
                facts = {"hops": hops, "loss": loss, "bytes": len(raw)}
                yield Figure(
                    f"frames_{hops}_loss_{loss}", "qr_frames", Unit.FRAMES, spread(counts), None, facts
                )
            done(count)


class Album:
    """What a reader finds in the frames of an endless row, each drawn and read once."""

    def __init__(self, encoder: FrameEncoder, reader: Reader) -> None:
        self._frames = encoder.frames()
        self._reader = reader
        self._read: list[list[str]] = []

    def text(self, number: int) -> list[str]:
        while len(self._read) <= number:
            self._read.append(self._reader.read(frame_image(next(self._frames))))
        return self._read[number]


def frames_needed(text: Callable[[int], list[str]], loss: int, chance: random.Random) -> int:
    """Frames shown until the message is whole, with ``loss`` hundredths never looked at, from a random one on."""
    receiver = FrameReceiver()
    start = chance.randrange(_START)
    for shown in range(1, _PATIENCE):
        if chance.randrange(100) >= loss:
            for found in text(start + shown):
                receiver.add(found)
        if receiver.message is not None:
            return shown
    raise RuntimeError("clean pictures were not read")
