"""Where secrets come from, the PIN and the enrolment code: a prompt, or a file descriptor. Never argv, which every user
of the machine can read, never the environment."""

from __future__ import annotations

import getpass
import os
import sys
from dataclasses import dataclass, field
from typing import Final

from app.terminal.show import Show
from app.terminal.status import MissingPart, UsageError

_MOST: Final = 256
_TIMES: Final = 3
"""So often a new PIN is asked for until it was typed twice alike."""


@dataclass(slots=True)
class PinSource:
    """Reads the PIN once from ``fd``, or asks each time. What it has read shows in no repr. ``what`` names the secret
    in the catalogue's ``missing`` table."""

    fd: int | None = None
    what: str = "pin"
    _read: str | None = field(default=None, repr=False)

    @property
    def is_prompt(self) -> bool:
        return self.fd is None

    def ask(self, prompt: str) -> str:
        """The PIN. MissingPart where there is neither a terminal nor a descriptor that can be read."""
        if self.fd is None:
            if sys.stdin is None or not sys.stdin.isatty():
                raise MissingPart(f"missing.{self.what}")
            return getpass.getpass(prompt + " ")
        if self._read is None:
            self._read = _line_of(self.fd, self.what)
        return self._read


def chosen_pin(source: PinSource, show: Show) -> str:
    """A new PIN: what the descriptor gives, or typed twice, asked for again where the two differ. UsageError when they
    have differed ``_TIMES`` times."""
    text = show.catalogue.text
    if not source.is_prompt:
        return source.ask("")
    for times in range(_TIMES):
        if times:
            show.step("ask.pins_differ")
        chosen = source.ask(text("ask.pin_new"))
        if chosen == source.ask(text("ask.pin_again")):
            return chosen
    raise UsageError("usage.pins_differ")


def _line_of(fd: int, what: str) -> str:
    """The first line that a descriptor gives, which is closed. MissingPart where there is no such descriptor."""
    try:
        held = os.read(fd, _MOST)
        os.close(fd)
    except (OSError, OverflowError) as error:
        raise MissingPart(f"missing.{what}_fd", number=fd) from error
    return held.decode("utf-8", "replace").split("\n", 1)[0].rstrip("\r")
