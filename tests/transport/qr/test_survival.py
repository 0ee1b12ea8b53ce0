"""A payment of 15 hops arrives from simulated camera pictures with three frames in ten lost."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import islice

import numpy as np
import pytest

from tests.support.camera import Level, snap
from wallet.transport.qr.frames import SLOW_CHUNK, FrameEncoder, FrameReceiver
from wallet.transport.qr.picture import frame_image
from wallet.transport.qr.reader import PyzbarReader, Reader, ZxingReader

FIFTEEN_HOPS = 6_050
LOSS = 0.3


@pytest.mark.parametrize(
    ("reader", "level", "chunk_size", "most_frames"),
    [
        (ZxingReader, Level.MILD, 391, 40),
        (ZxingReader, Level.ROUGH, 391, 40),
        (PyzbarReader, Level.MILD, 391, 45),
        (PyzbarReader, Level.ROUGH, SLOW_CHUNK, 100),
    ],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_fifteen_hops_survive(
    reader: Callable[[], Reader], level: Level, chunk_size: int, most_frames: int, seed: int
) -> None:
    chance, optics = random.Random(seed), np.random.default_rng(seed)
    message = chance.randbytes(FIFTEEN_HOPS)
    encoder = FrameEncoder(message, chunk_size)
    receiver, eye = FrameReceiver(), reader()
    start = chance.randrange(100)
    for text in islice(encoder.frames(), start, start + most_frames):
        if chance.random() < LOSS:
            continue
        for seen in eye.read(snap(frame_image(text), level, optics)):
            receiver.add(seen)
        if receiver.message is not None:
            break
    assert receiver.message == message
