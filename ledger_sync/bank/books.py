"""Double entry: every booking sums to zero, and each cause is booked once, however often it is asked for.

What the bank owes stands positive: customers' accounts, its own (`own`), money on its way into tokens
(`fundings`). Its claim on the central bank (`position`) stands negative. So position + own + customers +
fundings = 0 at every moment.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ledger_sync.bank.sqlite.store import Store
from wallet.protocol.codes import Code, Refusal, require

OWN: Final = "own"
POSITION: Final = "position"
FUNDINGS: Final = "fundings"
HOUSE: Final = (OWN, POSITION, FUNDINGS)


class Books:
    """The ledger of one bank. Amounts are signed tiyn in postings; balances of customers never go below 0."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        for account in HOUSE:
            self.open(account)

    def open(self, account: str) -> None:
        self._store.insert("accounts", id=account)

    def balance(self, account: str) -> int:
        """Tiyn. ACCOUNT_UNKNOWN."""
        balance = self._store.value("select balance from accounts where id = ?", (account,))
        if balance is None:
            raise Refusal(Code.ACCOUNT_UNKNOWN)
        return int(balance)

    @property
    def position(self) -> int:
        """The bank's claim on the central bank as far as it has booked it."""
        return -self.balance(POSITION)

    def customers(self) -> list[tuple[str, int]]:
        """Account and balance of every customer, in order of account."""
        rows = self._store.rows(
            "select a.id, a.balance from accounts a join customers c on c.id = a.id order by a.id"
        )
        return [(account, balance) for account, balance in rows]

    def is_booked(self, cause: str) -> bool:
        return self._store.row("select 1 from entries where cause = ?", (cause,)) is not None

    def move(self, cause: str, source: str, target: str, amount: int) -> bool:
        """Owe ``amount`` (tiyn) less to ``source`` and more to ``target``; whether it was not booked before.

        Raises ``Refusal``: ACCOUNT_SHORT (a customer's account would go below 0), ACCOUNT_UNKNOWN.
        """
        if amount < 0:
            source, target, amount = target, source, -amount
        with self._store.transaction():
            if self.is_booked(cause):
                return False
            self._check(source, amount)
            self.balance(target)
            self._store.run("insert into entries (cause, time) values (?, ?)", (cause, self._clock()))
            entry = self._store.value("select id from entries where cause = ?", (cause,))
            if amount:
                self._post(entry, source, -amount)
                self._post(entry, target, amount)
            return True

    def _check(self, source: str, amount: int) -> None:
        balance = self.balance(source)
        require(
            source in (OWN, POSITION) or balance >= amount, Code.ACCOUNT_SHORT, balance=balance, amount=amount
        )

    def _post(self, entry: int, account: str, amount: int) -> None:
        self._store.run(
            "insert into postings (entry, account, amount) values (?, ?, ?)", (entry, account, amount)
        )
        self._store.run("update accounts set balance = balance + ? where id = ?", (amount, account))
