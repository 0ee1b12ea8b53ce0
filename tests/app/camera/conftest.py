"""A payment's frames as pictures, a clock that is moved by hand, and sources that are asked until they have it all."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from app.camera.ports import FrameSource, Picture
from wallet.transport.qr import FrameEncoder, FrameReceiver, Outcome
from wallet.transport.qr.picture import frame_image
from wallet.transport.qr.reader import Reader, best_reader

MESSAGE = random.Random(4).randbytes(2_000)
SIZE = (640, 480)
RATE = 10.0


@dataclass
class ManualClock:
    """Seconds; ``step`` moves on by the time of one picture."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now

    def step(self, seconds: float = 1 / RATE) -> None:
        self.now += seconds


@pytest.fixture
def hand() -> ManualClock:
    return ManualClock()


@pytest.fixture(scope="session")
def decoder() -> Reader:
    return best_reader()


def shots(count: int, message: bytes = MESSAGE) -> Iterator[Image.Image]:
    """The first frames of a message as a camera that holds still would see them."""
    for text in islice(FrameEncoder(message).frames(), count):
        code = frame_image(text, box=5).convert("L")
        shot = Image.new("L", SIZE, 200)
        shot.paste(code, ((SIZE[0] - code.width) // 2, (SIZE[1] - code.height) // 2))
        yield shot


def lossy(count: int, message: bytes = MESSAGE) -> list[Image.Image]:
    """Those of them that were not lost: 30 % were."""
    chance = random.Random(30)
    kept = [shot for shot in shots(count, message) if chance.random() >= 0.3]
    assert 0.6 * count < len(kept) < 0.8 * count
    return kept


def film(path: Path, pictures: list[Image.Image]) -> Path:
    """A Motion JPEG file, as cheap cameras write it."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), RATE, SIZE)
    assert writer.isOpened()
    for picture in pictures:
        writer.write(cv2.cvtColor(np.asarray(picture), cv2.COLOR_GRAY2BGR))
    writer.release()
    return path


def image_of(picture: Picture) -> Image.Image:
    return Image.frombytes("L", (picture.width, picture.height), picture.gray)


def read_all(source: FrameSource, decoder: Reader, hand: ManualClock, most: int = 200) -> tuple[bytes, int]:
    """The message that the source shows, and in which picture it was complete."""
    receiver = FrameReceiver()
    for number in range(1, most):
        picture = source.read()
        assert picture is not None
        for text in decoder.read(image_of(picture)):
            if receiver.add(text).outcome is Outcome.COMPLETE:
                assert receiver.message is not None
                return receiver.message, number
        hand.step()
    raise AssertionError("not complete")
