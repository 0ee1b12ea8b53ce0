"""Ctrl-C: heard at any moment, and acted on where somebody can say what it left.

Rule: from the first line of ours on it is noted and never a traceback. It ends a command only inside ``heard``, and no
longer once the command has ``settled``: what is done is done, and only words are left. Nothing heavy is imported here.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_AGAIN = 0.02
"""Seconds after which a Ctrl-C that fell into a place where Python drops exceptions is raised again."""


class Interrupts:
    """One process's Ctrl-C. ``noted``: it came while nobody could be told."""

    def __init__(self) -> None:
        self.noted = False
        self._is_raising = False
        self._is_installed = False

    @contextmanager
    def installed(self, *, for_good: bool) -> Iterator[None]:
        """From here on Ctrl-C is ours. ``for_good``: the process ends after the block, and it is deaf from then on;
        else everything is as it was. In the main thread only; elsewhere nothing changes."""
        if threading.current_thread() is not threading.main_thread() or self._is_installed:
            yield
            return
        before, hook = signal.signal(signal.SIGINT, self._come), sys.unraisablehook
        sys.unraisablehook = self._dropped
        self._is_installed = True
        try:
            yield
        finally:
            self._is_installed = False
            self.noted = False
            signal.signal(signal.SIGINT, signal.SIG_IGN if for_good else before)
            sys.unraisablehook = hook

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Ctrl-C raises ``KeyboardInterrupt`` in the block, also one that came before it. Whoever enters catches it
        outside: it may come at the very edge. Inside another such block (an agent's command) that one goes on after."""
        if not self._is_installed:
            yield
            return
        before, self._is_raising = self._is_raising, True
        try:
            self.check()
            yield
        finally:
            self._is_raising = before

    def check(self) -> None:
        """``KeyboardInterrupt`` for a Ctrl-C that came while a command had settled."""
        if self.noted:
            self.noted = False
            raise KeyboardInterrupt

    def settled(self) -> None:
        """What the command was for is done: from here on Ctrl-C ends nothing."""
        self._is_raising = False

    def _come(self, *_: Any) -> None:
        if self._is_raising:
            raise KeyboardInterrupt
        self.noted = True

    def _dropped(self, lost: Any) -> None:
        """A ``KeyboardInterrupt`` in a destructor or a callback of the interpreter's would be printed and forgotten."""
        if lost.exc_type is KeyboardInterrupt:
            threading.Timer(_AGAIN, os.kill, (os.getpid(), signal.SIGINT)).start()
        else:
            sys.__unraisablehook__(lost)


INTERRUPTS = Interrupts()
"""Of this process."""
