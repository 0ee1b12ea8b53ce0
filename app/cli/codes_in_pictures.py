"""Messages out of pictures and into them: what `request`, `pay` and `receive` show and read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.cli.show import Show
from app.cli.status import MissingPart
from wallet.protocol.codes import Code, Refusal
from wallet.transport.qr import FrameReceiver, Outcome

_TERMINAL_FPS: Final = 6
_TERMINAL_ROUNDS: Final = 3


@dataclass(frozen=True, slots=True)
class Read:
    """A message and how many frames were looked at until it was complete."""

    message: bytes
    frames: int


def read_message(paths: Sequence[Path], show: Show) -> Read:
    """The first whole message in pictures, GIFs or folders of frames.

    Raises ``Refusal``: PICTURE_UNREADABLE, FRAMES_MISSING; MissingPart where no decoder is installed.
    """
    from wallet.transport.qr.reader import (
        PictureError,
        PictureFault,
        ReaderMissing,
        best_reader,
        read_pictures,
    )

    try:
        reader = best_reader()
    except ReaderMissing as error:
        raise MissingPart("missing.reader") from error
    receiver = FrameReceiver()
    progress, frames = None, 0
    names = ", ".join(path.name for path in paths)
    show.step("pay.reading", name=names)
    try:
        for text in read_pictures(list(paths), reader):
            frames += 1
            progress = receiver.add(text)
            if progress.outcome is Outcome.COMPLETE and receiver.message is not None:
                return Read(receiver.message, frames)
    except PictureError as error:
        if error.fault is PictureFault.MISSING:
            raise MissingPart("missing.file", name=str(error.path)) from error
        raise Refusal(
            Code.PICTURE_UNREADABLE, {"picture": error.path.name, "fault": error.fault.value}
        ) from error
    if progress is not None and progress.needed:
        raise Refusal(Code.FRAMES_MISSING, {"have": progress.rank, "need": progress.needed})
    raise Refusal(Code.PICTURE_UNREADABLE, {"picture": names})
