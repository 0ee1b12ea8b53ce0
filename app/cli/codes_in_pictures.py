"""Messages out of pictures and into them: what `request`, `pay` and `receive` show and read."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from app.cli.show import Show
from app.cli.status import MissingPart
from wallet.protocol.codes import Code, Refusal
from wallet.transport.qr import FrameEncoder, FrameReceiver, Outcome

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


def write_message(message: bytes, out: Path | None, show: Show) -> int:
    """Show a message as a code: in the terminal, as a GIF, as one PNG, or as a folder of frames.

    Returns how many frames there are. A PNG holds what fits one code; a longer message becomes a GIF or folder.
    """
    from wallet.transport.qr import picture
    from wallet.transport.qr.frames import FrameEncoder

    if out is None:
        return _on_terminal(message, show)
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix.lower() == ".gif":
        return picture.write_gif(message, out)
    if out.suffix.lower() == ".png":
        try:
            picture.write_png(message, out)
        except ValueError as error:
            raise MissingPart("missing.out") from error
        return 1
    count = picture.loop_length(FrameEncoder(message).chunk_count)
    picture.write_frames(message, out, count)
    return count


def require_room(out: Path | None, show: Show) -> None:
    """That a payment, which needs several pictures, has somewhere to be shown: before anything is signed."""
    nowhere = out is None and (show.as_json or not sys.stdout.isatty())
    if nowhere or (out is not None and out.suffix.lower() == ".png"):
        raise MissingPart("missing.out")


def _on_terminal(message: bytes, show: Show) -> int:
    """One code is printed and stays; more are drawn over each other a few times, on a terminal only."""
    from wallet.transport.qr.picture import loop_length, terminal

    encoder = FrameEncoder(message)
    if encoder.chunk_count == 1:
        show.raw(terminal(encoder.frame(0)))
        return 1
    count = loop_length(encoder.chunk_count)
    require_room(None, show)
    for text in islice(encoder.frames(), count * _TERMINAL_ROUNDS):
        show.raw("\x1b[H\x1b[2J" + terminal(text))
        time.sleep(1 / _TERMINAL_FPS)
    return count
