"""Double entry: every booking sums to zero, and each cause is booked once, however often it is asked for.

What the bank owes stands positive: customers' accounts, its own (`own`), money on its way into tokens
(`fundings`). Its claim on the central bank (`position`) stands negative. So position + own + customers +
fundings = 0 at every moment.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ledger_sync.bank.ports.accounts import Accounts, Booking
from wallet.protocol.codes import Code, Refusal

OWN: Final = "own"
POSITION: Final = "position"
FUNDINGS: Final = "fundings"
INTERNAL_ACCOUNTS: Final = (OWN, POSITION, FUNDINGS)


class Books:
    """The ledger of one bank. Amounts are signed tiyn in postings; balances of customers never go below 0."""

    def __init__(self, accounts: Accounts, clock: Callable[[], int]) -> None:
        self._accounts = accounts
        self._clock = clock
        for account in INTERNAL_ACCOUNTS:
            self.open(account)

    def open(self, account: str) -> None:
        """Have an account, which begins with nothing."""
        self._accounts.open(account)

    def balance(self, account: str) -> int:
        """Tiyn. ACCOUNT_UNKNOWN."""
        balance = self._accounts.balance(account)
        if balance is None:
            raise Refusal(Code.ACCOUNT_UNKNOWN)
        return balance

    @property
    def position(self) -> int:
        """The bank's claim on the central bank as far as it has booked it."""
        return -self.balance(POSITION)

    def is_booked(self, cause: str) -> bool:
        """Whether this was booked."""
        return self._accounts.is_booked(cause)

    def moved(self, cause: str, account: str) -> int:
        """Signed tiyn that ``account`` was owed more by this."""
        return self._accounts.booked(cause, account)

    def move(self, cause: str, source: str, target: str, amount: int, *, is_covered: bool = False) -> bool:
        """Owe ``amount`` (tiyn) less to ``source`` and more to ``target``; whether it was not booked before.
        ``is_covered``: only of what there is, as always with a customer's account; the bank's own may go below 0.

        Raises ``Refusal``: ACCOUNT_SHORT, ACCOUNT_UNKNOWN.
        """
        if self.is_booked(cause):
            return False
        if amount < 0:
            source, target, amount = target, source, -amount
        is_covered = is_covered or source not in (OWN, POSITION)
        booking = self._accounts.book(cause, source, target, amount, self._clock(), is_covered=is_covered)
        if booking is Booking.ABSENT:
            raise Refusal(Code.ACCOUNT_UNKNOWN)
        if booking is Booking.SHORT:
            raise Refusal(Code.ACCOUNT_SHORT, {"balance": self.balance(source), "amount": amount})
        return booking is Booking.BOOKED
