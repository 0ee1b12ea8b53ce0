"""Customers, their enrolment, and the devices that speak for them.

Rule: a device key speaks for one account and no other; an enrolment code serves one key, and that key again.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Final

import hsm.failpoint
from ledger_sync.bank.books import OWN
from ledger_sync.bank.house import House
from ledger_sync.bank.terms import CODE_BYTES, MAX_DEVICES
from wallet.protocol import idempotency
from wallet.protocol.certificate import WalletKind
from wallet.protocol.codes import Code, Refusal, require

_ID_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Customer:
    """``id`` is the account's, 32 hexadecimal characters; a merchant has a category and its name is shown."""

    id: str
    name: str
    kind: WalletKind
    category: int


class Customers:
    """Who banks here."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._store = house.store

    def open(self, cause: bytes, customer: Customer, opening: int) -> str:
        """Open an account with ``opening`` tiyn from the bank's own; gives the enrolment code.

        The same again gives the same code. Raises ``Refusal``: ACCOUNT_SHORT, FUNDING_MISMATCH (this id with
        other content).
        """
        with self._store.transaction():
            known = self._store.row(
                "select name, kind, category, opening from customers where id = ?", (customer.id,)
            )
            wanted = (customer.name, int(customer.kind), customer.category, opening)
            require(known is None or known == wanted, Code.FUNDING_MISMATCH)
            if known is None:
                self._create(customer, opening)
            code = self._code(cause, customer.id)
        hsm.failpoint.reach("bank.customer.opened")
        return code

    def _create(self, customer: Customer, opening: int) -> None:
        house = self._house
        balance = house.books.balance(OWN)
        require(balance >= opening, Code.ACCOUNT_SHORT, balance=balance, amount=opening)
        house.books.open(customer.id)
        self._store.insert(
            "customers",
            id=customer.id,
            name=customer.name,
            kind=int(customer.kind),
            category=customer.category,
            opening=opening,
            opened=house.clock(),
        )
        house.books.move(idempotency.opening(customer.id), OWN, customer.id, opening)

    def add_device(self, cause: bytes, account: str) -> str:
        """A code for one more device of an account, after a loss say. ACCOUNT_UNKNOWN, TOO_MANY."""
        with self._store.transaction():
            self.customer(account)
            return self._code(cause, account)

    def _code(self, cause: bytes, account: str) -> str:
        known = self._store.row("select code, customer from enrolment_codes where cause = ?", (cause,))
        if known is not None:
            require(known[1] == account, Code.FUNDING_MISMATCH)
            return str(known[0])
        code = base64.b32encode(self._house.random(CODE_BYTES)).decode("ascii")
        self._store.insert("enrolment_codes", code=code, cause=cause, customer=account)
        return code

    def enrol(self, code: str, device: bytes) -> Customer:
        """Let ``device`` (33 bytes, it signed the call) speak for the account the code is for.

        Raises ``Refusal``: ENROLMENT_UNKNOWN (no such code, or used by another device), AUTH_FORBIDDEN (the
        device belongs to another account, or was closed), TOO_MANY devices.
        """
        with self._store.transaction():
            found = self._store.row("select customer, device from enrolment_codes where code = ?", (code,))
            if found is None or found[1] not in (None, device):
                raise Refusal(Code.ENROLMENT_UNKNOWN)
            account = str(found[0])
            if found[1] is None:
                self._admit(account, device, code)
            require(self.account_of(device) == account, Code.AUTH_FORBIDDEN)
            customer = self.customer(account)
        hsm.failpoint.reach("bank.enrol.stored")
        return customer

    def _admit(self, account: str, device: bytes, code: str) -> None:
        require(
            self._store.row("select 1 from devices where key = ?", (device,)) is None, Code.AUTH_FORBIDDEN
        )
        count = self._store.value(
            "select count(*) from devices where customer = ? and closed is null", (account,)
        )
        require(count < MAX_DEVICES, Code.TOO_MANY, limit=MAX_DEVICES)
        self._store.insert("devices", key=device, customer=account, since=self._house.clock())
        self._store.run("update enrolment_codes set device = ? where code = ?", (device, code))

    def customer(self, account: str) -> Customer:
        """ACCOUNT_UNKNOWN."""
        row = self._store.row("select name, kind, category from customers where id = ?", (account,))
        if row is None:
            raise Refusal(Code.ACCOUNT_UNKNOWN)
        return Customer(account, row[0], WalletKind(row[1]), row[2])

    def account_of(self, device: bytes) -> str | None:
        """The account that an open device speaks for."""
        account: str | None = self._store.value(
            "select customer from devices where key = ? and closed is null", (device,)
        )
        return account

    def count_other_devices(self, account: str, device: bytes) -> int:
        """How many devices but this one speak for the account."""
        sql = "select count(*) from devices where customer = ? and key <> ? and closed is null"
        return int(self._store.value(sql, (account, device)))

    def close_other_devices(self, account: str, device: bytes) -> None:
        """After a loss: only the device that reports it goes on speaking for the account."""
        self._store.run(
            "update devices set closed = ? where customer = ? and key <> ? and closed is null",
            (self._house.clock(), account, device),
        )


def account_id(cause: bytes) -> str:
    """The account that the operator's 16-byte id opens."""
    require(len(cause) == _ID_BYTES, Code.MALFORMED)
    return cause.hex()
