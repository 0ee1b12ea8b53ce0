"""Where a code is shown: in the terminal, in files, or as texts in `--json`.

Rule: the way is chosen, and checked to be possible, before anything is signed: a place that can be written, a terminal
in which the code can be read. A code that then cannot be shown all the same ends with NotShown and how to go on.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, Protocol

from app.terminal import captions
from app.terminal.show import Show
from app.terminal.sink import can_write
from app.terminal.status import MissingPart, NotShown, UsageError
from hsm.storage import fault_of

_FPS: Final = 6
_SECONDS: Final = 60
"""For so long a moving code plays in a terminal, unless Ctrl-C ends it before."""
_FRAME: Final = "frame-*.png"
_LINES_AFTER: Final = 3
"""Lines of a terminal that stay free below a code that stands: the prompt, and what may be said before it."""
_USUAL: Final = os.terminal_size((80, 24))
"""Of a terminal that does not tell its size."""


@dataclass(frozen=True, slots=True)
class About:
    """What a code is about: ``sentence``, how it is shown again if it went lost, and what that ``names``; ``words``,
    short lines that stand beside it in a terminal; ``after``, what comes next once it has been read ("": the same)."""

    sentence: str
    names: tuple[tuple[str, str], ...] = ()
    words: tuple[str, ...] = ()
    after: str = ""

    def again(self, show: Show) -> str:
        return show.catalogue.text(self.sentence, **dict(self.names))


class Way(Protocol):
    """One way to show messages."""

    def show(self, message: bytes, show: Show, about: About) -> int:
        """How many frames there are. Raises ``NotShown``."""
        ...


def way_to_show(out: Path | None, show: Show, *, is_long: bool) -> Way:
    """``is_long``: the message may need several pictures. Raises UsageError, MissingPart, ``OSError``."""
    if out is not None:
        return _files(out, is_long=is_long)
    if show.as_json:
        return InJson()
    if show.out.isatty():
        return OnTerminal(_fitting(show))
    if is_long:
        raise MissingPart("missing.out")
    return OnPaper()


# files


def _files(out: Path, *, is_long: bool) -> Way:
    suffix = out.suffix.lower()
    if suffix == ".gif":
        _require_file(out)
        return InGif(out)
    if suffix == ".png":
        if is_long:
            raise MissingPart("missing.out")
        _require_file(out)
        return InPng(out)
    _require_folder(out)
    return InFolder(out)


def _require_file(out: Path) -> None:
    if out.is_dir():
        raise UsageError("usage.out_is_folder", name=str(out))
    _require_writable(out.parent)


def _require_folder(out: Path) -> None:
    """A new folder, or one that holds nothing but earlier frames."""
    if not out.is_dir():
        if out.exists() or out.suffix[1:].isalpha():
            raise UsageError("usage.out_kind", name=str(out))
        _require_writable(out.parent)
        return
    if any(not item.match(_FRAME) for item in out.iterdir()):
        raise UsageError("usage.out_taken", name=str(out), better=str(out / "code"))
    _require_writable(out)


def _require_writable(folder: Path) -> None:
    """UsageError where there is no such folder; ``OSError``: what the system refuses there."""
    if not folder.is_dir():
        raise UsageError("usage.out_parent", name=str(folder))
    with tempfile.TemporaryFile(dir=folder):
        pass


@contextmanager
def _written(about: About) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        fault = fault_of(error)
        if fault is None:
            raise
        raise NotShown(fault.code.value, fault.facts, about.sentence, dict(about.names)) from error


@dataclass(frozen=True, slots=True)
class InGif:
    path: Path

    def show(self, message: bytes, show: Show, about: About) -> int:
        from wallet.transport.qr import picture

        with _written(about):
            return picture.write_gif(message, self.path)


@dataclass(frozen=True, slots=True)
class InPng:
    path: Path

    def show(self, message: bytes, show: Show, about: About) -> int:
        from wallet.transport.qr import picture

        with _written(about):
            try:
                picture.write_png(message, self.path)
            except ValueError as error:
                raise MissingPart("missing.out") from error
        return 1


@dataclass(frozen=True, slots=True)
class InFolder:
    path: Path

    def show(self, message: bytes, show: Show, about: About) -> int:
        """Frames of an earlier code that lie there go: two codes in one folder would be two to choose from."""
        from wallet.transport.qr import picture
        from wallet.transport.qr.frames import FrameEncoder

        count = picture.loop_length(FrameEncoder(message).chunk_count)
        with _written(about):
            written = set(picture.write_frames(message, self.path, count))
            for stale in set(self.path.glob(_FRAME)) - written:
                stale.unlink()
        return count


# the terminal


@dataclass(frozen=True, slots=True)
class Room:
    """Frames of ``chunk`` bytes fit (0: none), with the words about them on the right of them, or below."""

    chunk: int
    is_aside: bool


@dataclass(frozen=True, slots=True)
class Fit:
    """What a terminal can show together with the words about it: frames that stay and frames that are drawn over each
    other; with half blocks, or with two spaces a module."""

    still: Room
    moving: Room
    half_blocks: bool
    columns: int


def fit(size: os.terminal_size, *, half_blocks: bool) -> Fit:
    from wallet.transport.qr.picture import chunk_that_fits

    across, down = (1, 2) if half_blocks else (2, 1)

    def room(free: int) -> Room:
        """The larger code, of both places where the words can stand; ``free`` lines stay empty below."""
        lines = size.lines - free
        aside = chunk_that_fits(min((size.columns - captions.ASIDE) // across, lines * down))
        below = chunk_that_fits(min(size.columns // across, (lines - captions.BELOW) * down))
        return Room(max(aside, below), aside >= below)

    return Fit(room(_LINES_AFTER), room(1), half_blocks, size.columns)


def _fitting(show: Show) -> Fit:
    """MissingPart where no code can be read in this terminal."""
    try:
        size = os.get_terminal_size(show.out.fileno())
    except OSError:
        size = _USUAL
    if not size.columns or not size.lines:
        size = _USUAL
    found = fit(size, half_blocks=can_write("▀▄█", show.out.encoding))
    if not found.moving.chunk:
        raise MissingPart("missing.room", columns=size.columns, lines=size.lines)
    return found


@dataclass(frozen=True, slots=True)
class OnTerminal:
    """One code that fits is printed and stays; what is longer moves, in frames that fit. The words about it stand
    beside it, in the same room: those that were said before may have scrolled away."""

    fit: Fit
    pause: Callable[[float], None] = time.sleep

    def show(self, message: bytes, show: Show, about: About) -> int:
        from wallet.transport.qr.frames import FrameEncoder
        from wallet.transport.qr.picture import loop_length

        show.carries_code(about.again(show))
        if self.fit.still.chunk:
            still = FrameEncoder(message, self.fit.still.chunk)
            if still.chunk_count == 1:
                show.raw(self._drawn(still.frame(0), about.words, self.fit.still))
                return 1
        moving = FrameEncoder(message, self.fit.moving.chunk)
        words = (*about.words, show.catalogue.text("show.moving"))
        self._play((self._drawn(text, words, self.fit.moving) for text in moving.frames()), show)
        show.say("show.moved")
        show.tell_how(about.after or about.again(show))
        return loop_length(moving.chunk_count)

    def _drawn(self, text: str, words: Sequence[str], room: Room) -> str:
        from wallet.transport.qr.picture import terminal

        code = terminal(text, unicode=self.fit.half_blocks).splitlines()
        return "\n".join(captions.around(code, words, self.fit.columns, is_aside=room.is_aside))

    def _play(self, pictures: Iterator[str], show: Show) -> None:
        """Each is drawn over the one before; Ctrl-C ends it: the code was read."""
        back = ""
        try:
            for picture in islice(pictures, _FPS * _SECONDS):
                show.raw(back + picture)
                back = f"\x1b[{picture.count(chr(10)) + 1}F"
                self.pause(1 / _FPS)
        except KeyboardInterrupt:
            return


@dataclass(frozen=True, slots=True)
class OnPaper:
    """One code into whatever stdout is, which is no terminal."""

    def show(self, message: bytes, show: Show, about: About) -> int:
        from wallet.transport.qr.frames import FrameEncoder
        from wallet.transport.qr.picture import terminal

        encoder = FrameEncoder(message)
        if encoder.chunk_count > 1:
            raise MissingPart("missing.out")
        show.carries_code(about.again(show))
        show.raw(terminal(encoder.frame(0), unicode=can_write("▀▄█", show.out.encoding)).rstrip("\n"))
        return 1


@dataclass(frozen=True, slots=True)
class InJson:
    """The texts of the codes, for whoever draws them."""

    def show(self, message: bytes, show: Show, about: About) -> int:
        from wallet.transport.qr.frames import FrameEncoder
        from wallet.transport.qr.picture import loop_length

        encoder = FrameEncoder(message)
        texts = list(islice(encoder.frames(), loop_length(encoder.chunk_count)))
        show.carries_code(about.again(show))
        show.result(codes=texts)
        return len(texts)
