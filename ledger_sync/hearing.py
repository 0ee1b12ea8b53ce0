"""Hearing witnesses: a service that starts asks those to whom it said things, before it says any more.

Rule: a witness that cannot be reached is waited for, and holds up no other; the operator may say to go on without it.
Whoever waits for the service meanwhile is told BUSY, with the names. Of several processes of a service one asks, and
the others learn of it; one that is started anew beside them need not ask again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Final, Generic, TypeVar

from ledger_sync.service.process import Flags, OwnFlags
from wallet.protocol.codes import Code, Refusal, require

W = TypeVar("W")


WORKER: Final = "catching up"
"""What the worker is called that does the rounds, in every service that has one."""
PAGES_IN_A_ROUND: Final = 256
"""Of what one witness has to say."""
CENTRAL: Final = "central-bank"
"""What a log calls the witness without a name."""
_log: Final = logging.getLogger(__name__)


class Hearing(Generic[W]):
    """The witnesses that are left to hear since this start. Safe to share between threads."""

    def __init__(
        self,
        witnesses: Mapping[str, W],
        hear: Callable[[str, W], None],
        finish: Callable[[], None] = lambda: None,
        heard: Flags | None = None,
    ) -> None:
        """``hear`` takes what a witness has to say and raises ``Refusal`` where it cannot; ``finish`` is called once,
        when nobody is left: at once, where nobody was. ``heard`` has a flag for each, by its place among
        their names, since the service started."""
        self._hear = hear
        self._finish = finish
        self._lock = threading.Lock()
        self._is_clock_unsure = False
        self._witnesses = dict(sorted(witnesses.items()))
        self._flags = OwnFlags() if heard is None else heard
        if self.is_done:
            finish()

    @property
    def is_done(self) -> bool:
        return not self.left

    @property
    def left(self) -> tuple[str, ...]:
        """The witnesses that were not heard yet."""
        return tuple(name for place, name in enumerate(self._witnesses) if not self._flags.is_set(place))

    @property
    def is_ready(self) -> bool:
        """Whether there is nothing to wait for but a clock that an operator or a peer has to stand for; till then
        whoever asks is told so."""
        return self.is_done or self._is_clock_unsure

    def require_done(self) -> None:
        """BUSY until it is done, with the witnesses that are waited for."""
        left = self.left
        require(not left, Code.BUSY, waiting_for=", ".join(left)[:64])

    def round(self) -> None:
        """Hear whoever was not heard yet, each as far as it can be reached."""
        for name in self.left:
            try:
                self._hear(name, self._witnesses[name])
            except Refusal as refusal:
                self._is_clock_unsure = refusal.code in (Code.CLOCK_UNSURE, Code.AUTH_STALE)
                facts = {"peer": name or CENTRAL, "code": refusal.code}
                _log.info("waiting for what a witness has heard", extra=facts)
            else:
                self._heard(name)

    def go_on_without(self, name: str) -> None:
        """The operator's word that a witness will not be heard. NOT_FOUND where it is not waited for."""
        require(name in self.left, Code.NOT_FOUND, witness=name)
        _log.warning("going on without a witness, by the operator's word", extra={"peer": name or CENTRAL})
        self._heard(name)

    def _heard(self, name: str) -> None:
        with self._lock:
            was_left = not self.is_done
            self._flags.set(list(self._witnesses).index(name))
            is_last = was_left and self.is_done
        if is_last:
            self._finish()
