"""Catching up: a central bank that starts asks every bank what it once said and did, before it says or does any more.

Rule: a central bank that was put back from a backup cannot see that it is older than its word; the banks can. What it
signed (policy deltas, issuances) they show, and it counts as it was signed. What it only did (money that it moved to a
position, redemptions for new tokens) they ask for again, with the proof, under the same id. Until each bank was heard
nothing new is signed and no money moves, and no bank funds before what it had is its again (but for compensations,
which hang on the bank that owes them, and for redemptions that gave tokens). A bank that paid for a claim says so: it
is not asked again for what it could not show. A bank that cannot be reached is waited for, unless the operator says to
go on without it. A central bank whose books are empty has said nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from ledger_sync.central_bank.claims import Admitted
from ledger_sync.central_bank.peers import LOST, Act, BankNodeClient
from ledger_sync.central_bank.ports.books import MovementKind
from ledger_sync.central_bank.ports.storage import Storage
from ledger_sync.central_bank.relearning import Relearning
from ledger_sync.hearing import PAGES_IN_A_ROUND, Hearing
from wallet.protocol.bounds import DAY
from wallet.protocol.codes import Code, Refusal, require

_LAST: Final = 4_096
"""What a backup lacks is later than the earliest of this many last movements, as their dates go ..."""
_MARGIN: Final = 2 * DAY
"""... by no more than a clock may be ahead (SPEC 5): of the last movements some may be dated by one that was."""
_log: Final = logging.getLogger(__name__)


class CatchingUp(Hearing[BankNodeClient]):
    """What is left to hear after this start, and what is left to be asked for."""

    def __init__(
        self,
        storage: Storage,
        relearning: Relearning,
        banks: Mapping[str, BankNodeClient],
        resume: Callable[[], None],
        admitted: Admitted,
    ) -> None:
        """``resume`` is called once when everybody was heard; ``admitted`` is where banks' words go about what they
        paid for claims, of which the books know less."""
        self._admitted = admitted
        self._books = storage.books
        self._relearning = relearning
        self._version = relearning.policy_version
        count, earliest = storage.books.earliest_of_last(_LAST)
        self._since = max(0, earliest - _MARGIN)
        self._untold: dict[str, BankNodeClient] = {}
        self._missing: dict[str, tuple[Act, ...]] = {}
        self._heard_up_to: dict[str, tuple[int, tuple[Act, ...]]] = {}
        super().__init__(banks if count else {}, self._take, resume)

    def require_whole(self, bank: str) -> None:
        """BUSY while what ``bank`` had on its position is not on it again, as far as that is between the two alone."""
        self.require_done()
        missing = self._missing.get(bank, ())
        if missing:
            missing = tuple(act for act in missing if not self._relearning.is_known(bank, act))
            self._missing[bank] = missing
        is_whole = all(act.kind == MovementKind.CHALLENGE or act.issuance for act in missing)
        require(is_whole, Code.BUSY, bank=bank)

    def go_on_without(self, name: str) -> None:
        """As `Hearing.go_on_without`. How far the bank has followed its movements is not known then: what moves from
        now on is numbered beyond that. CLOCK_UNSURE."""
        if name in self.left:
            self._relearning.number_by_time(name)
        super().go_on_without(name)

    def round(self) -> None:
        """Hear whoever was not heard yet, each as far as it can be reached; when all were heard, tell them."""
        super().round()
        for bank, line in list(self._untold.items()) if self.is_done else ():
            try:
                self._tell(bank, line)
            except Refusal as refusal:
                facts = {"peer": bank, "code": refusal.code}
                _log.info("telling a bank what it has to ask for again", extra=facts)
            else:
                del self._untold[bank]

    def _take(self, bank: str, line: BankNodeClient) -> None:
        """So many pages in a round, and in the next one from there on. BUSY where there is more."""
        self._learn_policy(line)
        after, missing = self._heard_up_to.get(bank, (0, ()))
        for _ in range(PAGES_IN_A_ROUND):
            movement, number, page = line.caused(self._since, after)
            if not page:
                break
            require(number > after, Code.MALFORMED, bank=bank)
            self._note_admitted(bank, page)
            acts = [act for act in page if act.kind != LOST]
            after, missing = number, (*missing, *self._relearning.learn_acts(bank, acts))
            self._heard_up_to[bank] = after, missing
        else:
            raise Refusal(Code.BUSY, {"bank": bank})
        self._relearning.number_from(bank, movement)
        self._missing[bank] = missing
        self._untold[bank] = line

    def _note_admitted(self, bank: str, page: Sequence[Act]) -> None:
        for act in page:
            if act.kind == LOST and act.lost > self._books.lost(bank, act.cause):
                self._admitted[bank, act.cause] = act.lost

    def _learn_policy(self, line: BankNodeClient) -> None:
        """All that the bank has: delta by delta, or from its base on where it no longer has the next."""
        while True:
            update = line.policy(self._relearning.policy_version)
            if update.says_nothing:
                base = line.base()
                is_news = base is not None and self._relearning.learn_base(base)
            else:
                is_news = self._relearning.learn_policy(update)
            if not is_news:
                return

    def _tell(self, bank: str, line: BankNodeClient) -> None:
        """Whoever was heard asks again for what is missing, and for what was revoked since: of a version that no bank
        had fetched yet only the bank knows that revoked by it."""
        missing = self._missing[bank]
        if missing or self._relearning.policy_version > self._version:
            facts = {"peer": bank, "count": len(missing)}
            _log.warning("this central bank is older than what it did", extra=facts)
        line.cause_again(missing, self._version)
