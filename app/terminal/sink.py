"""Where words go: a stream that never raises for what cannot be written, and remembers that it could not.

Rule: a sign that the stream's character set lacks is spelled with signs that it has. A stream that takes no more (a
full disk, a closed pipe) is let go of, so that nothing fails at the process's end either.
"""

from __future__ import annotations

import io
import os
from functools import lru_cache
from typing import Any, Final

_SPELLED: Final[dict[str, tuple[str, ...]]] = {
    "\N{TENGE SIGN}": ("тг", "KZT"),
    "\N{NO-BREAK SPACE}": (" ",),
    "\N{NARROW NO-BREAK SPACE}": (" ",),
    "\N{THIN SPACE}": (" ",),
    "\N{MINUS SIGN}": ("-",),
    "\N{EN DASH}": ("-",),
    "\N{EM DASH}": ("-",),
    "\N{HORIZONTAL ELLIPSIS}": ("...",),
    "\N{RIGHTWARDS ARROW}": ("->",),
    "\N{MULTIPLICATION SIGN}": ("x",),
    "\N{LESS-THAN OR EQUAL TO}": ("<=",),
    "\N{NUMERO SIGN}": ("N",),
    "\N{MIDDLE DOT}": ("-", "."),
    "\N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}": ('"',),
    "\N{RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK}": ('"',),
    **{kazakh: (alike,) for kazakh, alike in zip("әғқңөұүһіӘҒҚҢӨҰҮҺІ", "агкноуухиАГКНОУУХИ", strict=True)},
}


def spelled(text: str, charset: str) -> str:
    """``text`` in signs that a character set has."""
    return text if can_write(text, charset) else "".join(_sign(sign, charset) for sign in text)


@lru_cache(maxsize=1_024)
def _sign(sign: str, charset: str) -> str:
    for spelling in (sign, *_SPELLED.get(sign, ())):
        if can_write(spelling, charset):
            return spelling
    return "?"


def can_write(text: str, charset: str) -> bool:
    """Whether ``text`` has only signs of a character set."""
    try:
        text.encode(charset)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


class Sink(io.TextIOBase):
    """``stream`` to write to; None where the process was started without one. ``lost``: why words were lost, if any."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.lost: OSError | None = None if stream is not None else OSError("no stream")

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(self._stream, "encoding", None) or "utf-8"

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self.lost is None and bool(self._stream.isatty())

    def fileno(self) -> int:
        if self._stream is None:
            raise io.UnsupportedOperation("fileno")
        return int(self._stream.fileno())

    def write(self, text: str) -> int:
        """Never raises for what cannot be written."""
        if self.lost is None:
            try:
                self._stream.write(spelled(text, self.encoding))
            except OSError as error:
                self._lose(error)
        return len(text)

    def flush(self) -> None:
        if self.lost is None:
            try:
                self._stream.flush()
            except OSError as error:
                self._lose(error)

    def _lose(self, error: OSError) -> None:
        self.lost = error
        self.let_go()

    def let_go(self) -> None:
        """What the stream still holds would fail once more when the process ends: it goes nowhere instead."""
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
        except (OSError, ValueError):
            return
