"""What a thread signs and verifies, and whether something was open meanwhile: a transaction, an executor's turn."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType

from wallet.protocol import batch, cose
from wallet.protocol.keys import PublicKey

SIGNING, VERIFYING = cose.sign.__code__, PublicKey.verify.__code__
SIGNING_HEAD = batch.sign_head.__code__
ARITHMETIC = (SIGNING, SIGNING_HEAD, VERIFYING)


@contextmanager
def watching(
    is_open: Callable[[], bool], codes: tuple[CodeType, ...] = ARITHMETIC
) -> Iterator[list[tuple[CodeType, bool]]]:
    """The calls of these in this thread, each with what ``is_open`` said then."""
    seen: list[tuple[CodeType, bool]] = []

    def look(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_code in codes:
            seen.append((frame.f_code, is_open()))

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        yield seen
    finally:
        sys.setprofile(before)
