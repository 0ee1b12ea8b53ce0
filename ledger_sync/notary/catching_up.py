"""Catching up: a notary that starts asks everyone who holds its word, before it gives any.

Rule: a notary that was put back from a backup cannot see that it is older than what it said; those who asked it can.
So after each start it says nothing until every witness (the banks and the central bank) has shown the statements
that it holds, and what is missing here was taken in. A witness that cannot be reached is waited for, unless the
operator says to go on without it. What two statements of its own say against each other is logged, never chosen.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from ledger_sync.heard import PAGE
from ledger_sync.http.peers import read
from ledger_sync.notary.store import Statement, Store
from wallet.protocol import codec, cose
from wallet.protocol.bounds import DAY
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.directory import Directory
from wallet.protocol.settlement import Consumption, check_consumption

_MAX_NUMBER: Final = 2**53
_LAST: Final = 4_096
"""What a backup lacks is later than the earliest of this many last statements, as their dates go ..."""
_MARGIN: Final = 2 * DAY
"""... by no more than a clock may be ahead (SPEC 5)."""
_log: Final = logging.getLogger(__name__)


class Witness(Protocol):
    """Somebody who keeps the notary's statements."""

    def consumptions(self, since: int, after: int) -> tuple[int, list[Statement]]:
        """A page of the statements that it has kept since ``since`` (unix seconds, by their own dates), after its
        number ``after``, most ``PAGE``; and the number of the last. An empty page is the end.

        Raises ``RemoteRefusal``, ``NoAnswer``.
        """


class Line(Protocol):
    """A signed line to one service (ledger_sync.http.client)."""

    def get(self, path: str) -> Cbor: ...


class RemoteWitness:
    """A bank or the central bank, asked over HTTP. What it shows is believed for the notary's own signature only."""

    def __init__(self, line: Line, directory: Callable[[], Directory]) -> None:
        self._line = line
        self._directory = directory

    def consumptions(self, since: int, after: int) -> tuple[int, list[Statement]]:
        return read(self._line.get(f"/v1/consumptions?since={since}&after={after}"), self._page)

    def _page(self, answer: Cbor) -> tuple[int, list[Statement]]:
        number, listed = codec.array(answer, 2)
        shown = [cose.from_cbor(Consumption, value) for value in codec.array(listed, most=PAGE)]
        for statement in shown:
            check_consumption(statement, self._directory())
        return codec.uint(number, _MAX_NUMBER), shown


class CatchingUp:
    """What is left to hear after this start. Safe to share between threads."""

    def __init__(self, store: Store, witnesses: Mapping[str, Witness]) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._is_clock_unsure = False
        self._left = dict(witnesses)
        earliest = store.earliest_of_last(_LAST)
        self._since = max(0, earliest - _MARGIN)

    @property
    def is_done(self) -> bool:
        return not self._left

    @property
    def left(self) -> tuple[str, ...]:
        """The witnesses that were not heard yet."""
        return tuple(self._left)

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
        for name, witness in list(self._left.items()):
            try:
                count = self._hear(name, witness)
            except Refusal as refusal:
                self._is_clock_unsure = refusal.code in (Code.CLOCK_UNSURE, Code.AUTH_STALE)
                _log.info("waiting for the statements that %s holds: %s", name, refusal)
            else:
                _log.info("%s has shown %d statements", name, count)
                self._heard(name)

    def go_on_without(self, name: str) -> None:
        """The operator's word that a witness will not be heard. NOT_FOUND where it is not waited for."""
        require(name in self._left, Code.NOT_FOUND, witness=name)
        _log.warning("going on without the statements that %s holds, by the operator's word", name)
        self._heard(name)

    def _heard(self, name: str) -> None:
        with self._lock:
            self._left = {other: witness for other, witness in self._left.items() if other != name}

    def _hear(self, name: str, witness: Witness) -> int:
        count, after = 0, 0
        while True:
            number, page = witness.consumptions(self._since, after)
            if not page:
                return count
            require(number > after, Code.MALFORMED, witness=name)
            for statement in self._store.learn(page):
                _log.error(
                    "%s holds a statement that contradicts one kept here: %s", name, statement.id.hex()
                )
            count, after = count + len(page), number
