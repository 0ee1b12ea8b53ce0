"""By what clock a wallet dates its calls to its bank, and whether the device's clock is the odd one.

Rule: a call is dated by the device, and, where the bank disagrees, by what the bank signs for this very question.
That may be any time before the wallet's own; later than the wallet's own by hours only if the central bank's head
says so too. Nobody else dates a call: an unsigned word counts for nothing.
"""

from __future__ import annotations

from typing import Final

from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.time_word import TimeWord, check_time_word
from wallet.purse.purse import Purse
from wallet.purse.store.words import SKEW, Signer
from wallet.purse.turns import one_at_a_time

HOUR: Final = 3_600
"""Seconds by which two services' words may differ and still say the same."""


@one_at_a_time
class Dating:
    """Keeps, while the wallet is open, by how much its bank's clock differs from the device's."""

    def __init__(self, purse: Purse) -> None:
        self._purse = purse
        self._offset = 0
        self._is_seconded = False

    def now(self) -> int:
        """Time to date a call by, unix seconds."""
        return self._purse.authority.device_time + self._offset

    @property
    def wrong_by(self) -> int:
        """Seconds that the device's clock is ahead of what bank and central bank both say (negative: behind), 0 where
        that is within an hour or not known."""
        return -self._offset if self._is_seconded and abs(self._offset) > HOUR else 0

    @property
    def is_doubtful(self) -> bool:
        """Whether the central bank is ahead of the device: one of the two clocks is wrong."""
        authority = self._purse.authority
        head = authority.words().get(Signer.CENTRAL_BANK)
        return head is not None and head.time > authority.device_time + SKEW

    def take(self, word: Signed[TimeWord], bank: str, nonce: bytes) -> None:
        """The bank's word for a question of ours.

        Raises ``Refusal``: RECONCILE_FIRST (no directory yet), BANK_UNKNOWN, AUTH_SIGNATURE (not its word, or not on
        this question), AUTH_STALE (it is alone in being so far ahead: nothing is dated by it).
        """
        authority = self._purse.authority
        check_time_word(word, bank, nonce, authority.directory)
        time, device = word.body.time, authority.device_time
        others = {who: said.time for who, said in authority.words().items() if who is not Signer.BANK}
        seconded = abs(time - others.get(Signer.CENTRAL_BANK, 0)) <= HOUR
        known = max((device, *others.values()))
        self._offset, self._is_seconded = 0, False
        require(seconded or time <= known + HOUR, Code.AUTH_STALE, time=device, now=time)
        authority.hear_time(Signer.BANK, time, is_fresh=True)
        self._offset, self._is_seconded = time - device, seconded

    def odd(self, refusal: Refusal) -> Refusal:
        """The refusal to tell a person: DEVICE_CLOCK, with both times in unix seconds, where ``refusal`` is for
        time and the device's clock is to blame; otherwise ``refusal`` itself."""
        if refusal.code not in _OF_TIME or not self.wrong_by:
            return refusal
        return Refusal(Code.DEVICE_CLOCK, {"time": self._purse.authority.device_time, "now": self.now()})


_OF_TIME: Final = frozenset(
    {
        Code.AUTH_STALE,
        Code.CERTIFICATE_EXPIRED,
        Code.LIMIT_DAYS,
        Code.REQUEST_EXPIRED,
        Code.TIME_AHEAD,
        Code.TIME_BEFORE_CERTIFICATE,
        Code.TOKEN_EXPIRED,
    }
)
