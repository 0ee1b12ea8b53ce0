"""Customers, their enrolment, and the devices that speak for them.

Rule: a device key speaks for one account and no other; an enrolment code serves one key, and that key again.
"""

from __future__ import annotations

import base64
from typing import Final

import hsm.failpoint
from ledger_sync.bank.books import OWN
from ledger_sync.bank.context import BankContext
from ledger_sync.bank.ports.customers import Admission, Customer
from ledger_sync.bank.terms import CODE_BYTES, MAX_DEVICES
from wallet.protocol import idempotency
from wallet.protocol.codes import Code, Refusal, require

_ID_BYTES: Final = 16


class Customers:
    """Who banks here."""

    def __init__(self, context: BankContext) -> None:
        self._context = context
        self._unit = context.storage.unit
        self._register = context.storage.customers

    def open(self, cause: bytes, customer: Customer, opening: int) -> str:
        """Open an account with ``opening`` tiyn from the bank's own; gives the enrolment code.

        The same again gives the same code. Raises ``Refusal``: ACCOUNT_SHORT, FUNDING_MISMATCH (this id with
        other content).
        """
        with self._unit.transaction():
            known = self._register.get(customer.id), self._register.opening(customer.id)
            require(known in ((None, None), (customer, opening)), Code.FUNDING_MISMATCH)
            if known == (None, None):
                self._create(customer, opening)
            code = self._code(cause, customer.id)
        hsm.failpoint.reach("bank.customer.opened")
        return code

    def _create(self, customer: Customer, opening: int) -> None:
        context = self._context
        context.books.open(customer.id)
        context.books.move(idempotency.opening(customer.id), OWN, customer.id, opening, is_covered=True)
        self._register.add(customer, opening, context.clock())

    def add_device(self, cause: bytes, account: str) -> str:
        """A code for one more device of an account, after a loss say. ACCOUNT_UNKNOWN, FUNDING_MISMATCH."""
        with self._unit.transaction():
            self.customer(account)
            return self._code(cause, account)

    def _code(self, cause: bytes, account: str) -> str:
        """The code that ``cause`` has, or gets now."""
        known = self._register.code_of(cause)
        if known is None:
            code = base64.b32encode(self._context.random(CODE_BYTES)).decode("ascii")
            self._register.add_code(code, cause, account)
            return code
        require(known[1] == account, Code.FUNDING_MISMATCH)
        return known[0]

    def enrol(self, code: str, device: bytes) -> Customer:
        """Let ``device`` (33 bytes, it signed the call) speak for the account the code is for.

        Raises ``Refusal``: ENROLMENT_UNKNOWN (no such code, or used by another device), AUTH_FORBIDDEN (the
        device belongs to another account, or was closed), TOO_MANY devices.
        """
        account = self._admit(code, device)
        require(self.account_of(device) == account, Code.AUTH_FORBIDDEN)
        customer = self.customer(account)
        hsm.failpoint.reach("bank.enrol.stored")
        return customer

    def _admit(self, code: str, device: bytes) -> str:
        """The account of a code that is this device's, by now or before."""
        enrolment = self._register.enrolment(code)
        if enrolment is None or enrolment.device not in (None, device):
            raise Refusal(Code.ENROLMENT_UNKNOWN)
        if enrolment.device is None:
            admission = self._register.admit(device, code, self._context.clock(), MAX_DEVICES)
            if admission is Admission.USED:  # by another call, since it was read
                return self._admit(code, device)
            require(admission is not Admission.TAKEN, Code.AUTH_FORBIDDEN)
            require(admission is not Admission.FULL, Code.TOO_MANY, limit=MAX_DEVICES)
        return enrolment.account

    def customer(self, account: str) -> Customer:
        """ACCOUNT_UNKNOWN."""
        customer = self._register.get(account)
        if customer is None:
            raise Refusal(Code.ACCOUNT_UNKNOWN)
        return customer

    def account_of(self, device: bytes) -> str | None:
        """The account that an open device speaks for."""
        return self._register.account_of(device)

    def count_other_devices(self, account: str, device: bytes) -> int:
        """How many devices but this one speak for the account."""
        return self._register.count_devices(account, but=device)

    def close_other_devices(self, account: str, device: bytes) -> None:
        """After a loss: only the device that reports it goes on speaking for the account."""
        self._register.close_devices(account, device, self._context.clock())


def account_id(cause: bytes) -> str:
    """The account that the operator's 16-byte id opens."""
    require(len(cause) == _ID_BYTES, Code.MALFORMED)
    return cause.hex()
