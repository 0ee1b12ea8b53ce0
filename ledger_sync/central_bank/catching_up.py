"""Catching up: a central bank that starts asks every bank what it once said and did, before it says or does any more.

Rule: a central bank that was put back from a backup cannot see that it is older than its word; the banks can. What it
signed (policy deltas, issuances) they show, and it counts as it was signed. What it only did (money that it moved to a
position) they ask for again, with the proof, under the same id. Until each bank was heard nothing new is signed and no
money moves, and no bank funds before what it had is its again. A bank that cannot be reached is waited for, unless the
operator says to go on without it. A central bank whose books are empty has said nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Final

from ledger_sync.central_bank.partners import Act, BankLine
from ledger_sync.central_bank.relearning import Relearning
from ledger_sync.central_bank.store import Store
from wallet.protocol.codes import Code, Refusal, require

_CLOCKS_DIFFER: Final = 3_600
"""Seconds by which a bank's clock may be behind (SPEC 5)."""
_log: Final = logging.getLogger(__name__)


class CatchingUp:
    """What is left to hear after this start, and what is left to be asked for. Safe to share between threads."""

    def __init__(
        self, store: Store, relearning: Relearning, banks: Mapping[str, BankLine], resume: Callable[[], None]
    ) -> None:
        """``resume`` is called once when everybody was heard."""
        self._store = store
        self._relearning = relearning
        self._resume = resume
        self._version = relearning.policy_version
        self._lock = threading.Lock()
        self._is_clock_unsure = False
        with store.reading() as db:
            last = db.execute("select max(time) from movements").fetchone()[0]
        self._since = max(0, (last or 0) - _CLOCKS_DIFFER)
        self._left = {} if last is None else dict(banks)
        self._untold: dict[str, BankLine] = {}
        self._missing: dict[str, tuple[Act, ...]] = {}
        if not self._left:
            resume()

    @property
    def is_done(self) -> bool:
        return not self._left

    @property
    def left(self) -> tuple[str, ...]:
        """The banks that were not heard yet."""
        return tuple(self._left)

    @property
    def is_ready(self) -> bool:
        """Whether there is nothing to wait for but a clock that an operator or a peer has to stand for; till then
        whoever asks is told so."""
        return self.is_done or self._is_clock_unsure

    def require_done(self) -> None:
        """BUSY until it is done, with the banks that are waited for."""
        left = self.left
        require(not left, Code.BUSY, waiting_for=", ".join(left)[:64])

    def require_whole(self, bank: str) -> None:
        """BUSY while what ``bank`` had on its position is not on it again."""
        self.require_done()
        missing = self._missing.get(bank, ())
        if missing:
            with self._store.reading() as db:
                missing = tuple(act for act in missing if not self._relearning.is_known(db, bank, act))
            self._missing[bank] = missing
        require(not missing, Code.BUSY, bank=bank)

    def round(self) -> None:
        """Hear whoever was not heard yet, each as far as it can be reached; when all were heard, tell them."""
        for bank, line in list(self._left.items()):
            try:
                self._hear(bank, line)
            except Refusal as refusal:
                self._is_clock_unsure = refusal.code in (Code.CLOCK_UNSURE, Code.AUTH_STALE)
                _log.info("waiting for what %s has heard of the central bank: %s", bank, refusal)
            else:
                self._heard(bank)

        for bank, line in [] if self._left else list(self._untold.items()):
            try:
                self._tell(bank, line)
            except Refusal as refusal:
                _log.info("telling %s what it has to ask for again: %s", bank, refusal)
            else:
                del self._untold[bank]

    def go_on_without(self, bank: str) -> None:
        """The operator's word that a bank will not be heard. NOT_FOUND where it is not waited for."""
        require(bank in self._left, Code.NOT_FOUND, bank=bank)
        _log.warning("going on without what %s has heard, by the operator's word", bank)
        self._heard(bank)

    def _heard(self, bank: str) -> None:
        with self._lock:
            was_left, self._left = self._left, {b: line for b, line in self._left.items() if b != bank}
            is_last = bool(was_left) and not self._left
        if is_last:
            self._resume()

    def _hear(self, bank: str, line: BankLine) -> None:
        while self._relearning.learn_policy(line.policy(self._relearning.policy_version)):
            pass
        missing: list[Act] = []
        after, movement = 0, 0
        while True:
            movement, number, page = line.caused(self._since, after)
            if not page:
                break
            require(number > after, Code.MALFORMED, bank=bank)
            missing += self._relearning.learn_acts(bank, page)
            after = number
        self._relearning.number_from(movement)
        self._missing[bank] = tuple(missing)
        self._untold[bank] = line

    def _tell(self, bank: str, line: BankLine) -> None:
        """Whoever was heard asks again for what is missing, and for what was revoked since."""
        missing = self._missing[bank]
        if missing or self._relearning.policy_version > self._version:
            _log.warning("this central bank is older than what it did: %d acts for %s", len(missing), bank)
            line.cause_again(missing, self._version)
