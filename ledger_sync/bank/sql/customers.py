"""Customers, enrolment codes and devices upon SQL (`ledger_sync.bank.ports.customers`)."""

from __future__ import annotations

from ledger_sync.bank.ports.customers import Admission, Customer, Enrolment
from ledger_sync.database.store import Store
from wallet.protocol.certificate import WalletKind


class SqlCustomers:
    """The tables of them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, customer: Customer, opening: int, opened: int) -> bool:
        return self._store.insert(
            "customers",
            id=customer.id,
            name=customer.name,
            kind=int(customer.kind),
            category=customer.category,
            opening=opening,
            opened=opened,
        )

    def get(self, account: str) -> Customer | None:
        row = self._store.row("select name, kind, category from customers where id = ?", (account,))
        return None if row is None else Customer(account, row[0], WalletKind(row[1]), row[2])

    def opening(self, account: str) -> int | None:
        opening: int | None = self._store.value("select opening from customers where id = ?", (account,))
        return opening

    def balances(self) -> list[tuple[str, int]]:
        rows = self._store.rows(
            "select a.id, a.balance from accounts a join customers c on c.id = a.id order by a.id"
        )
        return [(account, balance) for account, balance in rows]

    def add_code(self, code: str, cause: bytes, account: str) -> bool:
        return self._store.insert("enrolment_codes", code=code, cause=cause, customer=account)

    def code_of(self, cause: bytes) -> tuple[str, str] | None:
        row = self._store.row("select code, customer from enrolment_codes where cause = ?", (cause,))
        return None if row is None else (row[0], row[1])

    def enrolment(self, code: str) -> Enrolment | None:
        row = self._store.row("select customer, device from enrolment_codes where code = ?", (code,))
        return None if row is None else Enrolment(*row)

    def admit(self, device: bytes, code: str, since: int, most: int) -> Admission:
        with self._store.transaction():
            enrolment = self.enrolment(code)
            if enrolment is None or enrolment.device is not None:
                return Admission.USED
            if self._store.row("select 1 from devices where key = ?", (device,)) is not None:
                return Admission.TAKEN
            if self.count_devices(enrolment.account) >= most:
                return Admission.FULL
            self._store.insert("devices", key=device, customer=enrolment.account, since=since)
            self._store.run("update enrolment_codes set device = ? where code = ?", (device, code))
            return Admission.ADMITTED

    def account_of(self, device: bytes) -> str | None:
        account: str | None = self._store.value(
            "select customer from devices where key = ? and closed is null", (device,)
        )
        return account

    def count_devices(self, account: str, but: bytes = b"") -> int:
        sql = "select count(*) from devices where customer = ? and key <> ? and closed is null"
        return int(self._store.value(sql, (account, but)))

    def close_devices(self, account: str, but: bytes, closed: int) -> int:
        return self._store.run(
            "update devices set closed = ? where customer = ? and key <> ? and closed is null",
            (closed, account, but),
        )
