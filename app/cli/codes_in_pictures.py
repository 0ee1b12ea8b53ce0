"""Messages out of pictures: all that `pay` and `receive` were shown, however many there are.

Rule: nothing that is in the pictures is passed over in silence: every whole message is found, and what is unreadable or
not complete is told of, or is the refusal where there is nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.terminal.show import Show
from app.terminal.status import MissingPart
from wallet.protocol.codes import Code, Refusal
from wallet.transport.qr import FrameReceiver, Outcome, Progress

if TYPE_CHECKING:
    from wallet.transport.qr.reader import PictureError, Reader


@dataclass(frozen=True, slots=True)
class Read:
    """A message, how many frames were looked at until it was complete, and the name of the picture that did."""

    message: bytes
    frames: int
    picture: str


def read_messages(paths: Sequence[Path], show: Show) -> tuple[Read, ...]:
    """The whole messages in pictures, GIFs or folders of frames, at least one, in the order in which they came.

    Raises ``Refusal``: PICTURE_UNREADABLE, FRAMES_MISSING; MissingPart where a file or a decoder is missing.
    """
    from wallet.transport.qr.reader import look_at

    reader = _reader()
    faults: list[PictureError] = []
    receiver, found, frames = FrameReceiver(), list[Read](), 0
    progress: Progress | None = None
    names = ", ".join(path.name for path in paths)
    show.step("pay.reading", name=names)
    for look in look_at(list(paths), reader.read_all, faults.append):
        for text in look.texts:
            frames += 1
            progress = receiver.add(text)
            if progress.outcome is Outcome.COMPLETE and receiver.message is not None:
                found.append(Read(receiver.message, frames, look.path.name))
    _tell_rest(found, faults, receiver.unfinished, show)
    if found:
        return tuple(found)
    if faults:
        raise _refusal(faults[0]) from faults[0]
    if progress is not None and progress.needed:
        raise Refusal(Code.FRAMES_MISSING, {"have": progress.rank, "need": progress.needed})
    raise Refusal(Code.PICTURE_UNREADABLE, {"picture": names})


def _reader() -> Reader:
    from wallet.transport.qr.reader import ReaderMissing, best_reader

    try:
        return best_reader()
    except ReaderMissing as error:
        raise MissingPart("missing.reader") from error


def _tell_rest(found: list[Read], faults: list[PictureError], unfinished: int, show: Show) -> None:
    """Beside what was found: pictures that could not be read, and codes of which parts are missing."""
    if not found:
        return
    for fault in faults:
        show.step("pay.passed_over", name=fault.path.name)
    if unfinished:
        show.step("pay.unfinished", count=unfinished)


def _refusal(error: PictureError) -> Exception:
    from wallet.transport.qr.reader import PictureFault

    if error.fault is PictureFault.MISSING:
        return MissingPart("missing.file", name=str(error.path))
    return Refusal(Code.PICTURE_UNREADABLE, {"picture": error.path.name, "fault": error.fault.value})
