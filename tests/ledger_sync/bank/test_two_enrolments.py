"""Two processes of one bank enrol by one code, or take up one forgotten funding: one of them does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from ledger_sync.bank.accounts.customers import Customers
from ledger_sync.bank.ports.customers import Admission
from ledger_sync.bank.sql.customers import SqlCustomers
from ledger_sync.bank.sql.storage import SqlStorage
from ledger_sync.sandbox.in_process import CENTRAL_BANK, Exchange
from tests.ledger_sync.bank.inside import another_storage
from tests.ledger_sync.bank.network import OPENING, LedgerNetwork
from tests.ledger_sync.bank.processes import another_process
from tests.support.world import Key
from wallet.protocol.codes import Code, Refusal

ONE, OTHER = Key.of("one device").public, Key.of("another device").public


class Late(SqlCustomers):
    """Something happens before it admits anybody."""

    def __init__(self, storage: SqlStorage, meanwhile: Callable[[], object]) -> None:
        super().__init__(storage.store)
        self._meanwhile = meanwhile

    def admit(self, device: bytes, code: str, since: int, most: int) -> Admission:
        self._meanwhile()
        return super().admit(device, code, since, most)


def enrolled(net: LedgerNetwork, device: bytes, meanwhile: bytes) -> tuple[str, str]:
    """The account and who speaks for it, after ``device`` has enrolled at a process whose other one enrols
    ``meanwhile`` in between."""
    body = [b"c" * 16, "Aigul", 0, 0, 5]
    (code,) = net.order("alatau", "POST", "/v1/customers", body)
    node = net.banks["alatau"].node
    storage = another_storage(net, "alatau")
    try:
        storage.customers = Late(storage, lambda: node.customers.enrol(code, meanwhile))
        customer = Customers(replace(node.context, storage=storage)).enrol(code, device)
        return customer.id, node.customers.account_of(device) or ""
    finally:
        storage.close()


def test_a_code_that_another_device_used_meanwhile_is_unknown(net: LedgerNetwork) -> None:
    with pytest.raises(Refusal) as refused:
        enrolled(net, ONE, meanwhile=OTHER)
    assert refused.value.code is Code.ENROLMENT_UNKNOWN
    node = net.banks["alatau"].node
    assert node.customers.account_of(ONE) is None
    assert node.customers.account_of(OTHER) == (b"c" * 16).hex()


def test_a_code_that_the_same_device_used_meanwhile_has_served_it(net: LedgerNetwork) -> None:
    account, speaks_for = enrolled(net, ONE, meanwhile=ONE)
    assert account == speaks_for == (b"c" * 16).hex()


def test_a_forgotten_funding_is_paid_once(net: LedgerNetwork, tmp_path: Path) -> None:
    """Its customer pays what it had paid, though both processes were shown the issuance before either booked."""
    aigul = net.customer("Aigul")
    net.settle_down()
    net.network.back_up("alatau", tmp_path / "backup")
    aigul.fund(300_000)
    net.network.put_back("alatau", tmp_path / "backup")
    first, second = net.banks["alatau"].node, another_process(net)
    first.movements.follow()
    shown = 0

    def beside(exchange: Exchange) -> httpx.Response:
        nonlocal shown
        answer = exchange.deliver()
        shown += 1
        if shown == 1:
            second.forgotten_fundings.recover()
        return answer

    with net.network.lines.disturbed(beside, caller="alatau", callee=CENTRAL_BANK):
        first.forgotten_fundings.recover()
    assert shown == 2
    assert aigul.balance() == OPENING - 300_000
    assert first.context.storage.movements.held_of("funding") == []
    second.context.storage.close()
    net.settle_down()
    net.check_books()
