"""Accounts, entries and postings upon SQL (`ledger_sync.bank.ports.accounts`)."""

from __future__ import annotations

from ledger_sync.bank.ports.accounts import Booking
from ledger_sync.database.store import Store


class SqlAccounts:
    """The tables of them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def open(self, account: str) -> bool:
        return self._store.insert("accounts", id=account)

    def balance(self, account: str) -> int | None:
        balance: int | None = self._store.value("select balance from accounts where id = ?", (account,))
        return balance

    def book(
        self, cause: str, source: str, target: str, amount: int, time: int, *, is_covered: bool
    ) -> Booking:
        with self._store.transaction():
            if self.is_booked(cause):
                return Booking.KNOWN
            balance = self.balance(source)
            if balance is None or self.balance(target) is None:
                return Booking.ABSENT
            if is_covered and balance < amount:
                return Booking.SHORT
            self._store.run("insert into entries (cause, time) values (?, ?)", (cause, time))
            if amount:
                entry = self._store.value("select id from entries where cause = ?", (cause,))
                self._post(entry, source, -amount)
                self._post(entry, target, amount)
            return Booking.BOOKED

    def is_booked(self, cause: str) -> bool:
        return self._store.row("select 1 from entries where cause = ?", (cause,)) is not None

    def booked(self, cause: str, account: str) -> int:
        found = self._store.value(
            "select p.amount from entries e join postings p on p.entry = e.id where e.cause = ? and p.account = ?",
            (cause, account),
        )
        return int(found or 0)

    def _post(self, entry: int, account: str, amount: int) -> None:
        self._store.run(
            "insert into postings (entry, account, amount) values (?, ?, ?)", (entry, account, amount)
        )
        self._store.run("update accounts set balance = balance + ? where id = ?", (amount, account))
