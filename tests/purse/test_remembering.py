"""Payments that a purse had forgotten and the ledger told of: their requests are answered, their receipts its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.ledger_sync.statements import steps_of
from tests.purse.test_history import back_up, line, put_back
from tests.support.purses import refused
from tests.support.wallets import WalletNetwork
from tests.support.world import DAY
from wallet.protocol.codes import Code
from wallet.protocol.cose import Signed
from wallet.protocol.request import Request
from wallet.purse.pay.forgotten import ForgottenPayments
from wallet.purse.receive.receiving import Received
from wallet.purse.store.journal import PurseState
from wallet.purse.store.payments import PaymentState
from wallet.purse.view.history import EventKind


@contextmanager
def forgetting(net: WalletNetwork, name: str) -> Iterator[None]:
    """What this wallet does inside, its purse does not know afterwards."""
    copy = f"backup {len(net.homes)}"
    back_up(net, name, copy)
    yield
    put_back(net, name, copy)


def paid(net: WalletNetwork, request: Signed[Request], amount: int | None = None) -> Received:
    """Asel's payment, which berik receives; asel never sees the receipt."""
    paying = net.wallets["asel"].paying
    return net.wallets["berik"].receiving.receive(
        paying.sign(paying.reserve(request, amount, allow_second=True)), request
    )


def told(net: WalletNetwork, *, requests: bool = True) -> None:
    """By the ledger, of everything."""
    net.reconcile("berik")
    if not requests:
        net.ledger.requests.clear()
    net.reconcile("asel")
    assert net.wallets["asel"].state is PurseState.SOUND


@pytest.mark.parametrize("requests", [True, False])
@pytest.mark.parametrize("is_open", [False, True])
def test_a_request_whose_payment_was_forgotten_is_not_paid_again(
    net: WalletNetwork, requests: bool, is_open: bool
) -> None:
    """`a purse put back pays the same request twice`: only rows were looked at that it had made itself."""
    net.wallet("asel", 500_000), net.wallet("berik", bank="zhibek")
    request = net.wallets["berik"].receiving.request(100_000, is_open=is_open)
    with forgetting(net, "asel"):
        received = paid(net, request, 100_000)
    told(net, requests=requests)
    asel = net.wallets["asel"]
    considered = asel.paying.consider(request)
    assert (considered.prior, considered.amount) == (PaymentState.SHOWN, 100_000)
    payment = asel.paying.reserve(request)
    assert asel.paying.signed_for(received.request) == payment
    again = net.wallets["berik"].receiving.receive(asel.paying.show_again(payment))
    assert (again.code, again.receipt) == (None, received.receipt)
    shown = line(asel, EventKind.PAID)
    assert (shown.id, shown.amount, shown.change, shown.state) == (payment, 100_000, -100_000, "ledger")
    assert asel.paying.of_receipt(received.receipt) == payment
    assert asel.paying.acknowledge(payment, received.receipt) is PaymentState.ACKNOWLEDGED
    assert line(asel, EventKind.PAID).state == "settled"
    assert asel.balance().held == 400_000
    assert asel.evidence() == net.wallets["berik"].evidence() == ()


def test_a_receipt_for_a_forgotten_payment_is_taken_at_once(net: WalletNetwork) -> None:
    net.wallet("asel", 500_000), net.wallet("berik", bank="zhibek")
    with forgetting(net, "asel"):
        received = paid(net, net.wallets["berik"].receiving.request(100_000))
    with refused(Code.PAYMENT_UNKNOWN):
        net.wallets["asel"].paying.of_receipt(received.receipt)
    told(net)
    paying = net.wallets["asel"].paying
    payment = paying.of_receipt(received.receipt)
    assert paying.acknowledge(payment, received.receipt) is PaymentState.ACKNOWLEDGED
    assert paying.receipt(payment) == received.receipt


@pytest.mark.parametrize("is_open", [False, True])
def test_each_forgotten_payment_to_a_printed_code_is_one(net: WalletNetwork, is_open: bool) -> None:
    net.wallet("asel", 500_000), net.wallet("berik", bank="zhibek")
    request = net.wallets["berik"].receiving.request(60_000, is_open=is_open, printed=True)
    with forgetting(net, "asel"):
        receipts = [paid(net, request, 60_000).receipt for _ in range(3)]
    told(net)
    asel = net.wallets["asel"]
    assert len(asel.paying.consider(request, 60_000).earlier) == 3
    with refused(Code.ALREADY_PAID):
        asel.paying.reserve(request, 60_000)
    for receipt in receipts:
        asel.paying.acknowledge(asel.paying.of_receipt(receipt), receipt)
    assert [event.state for event in asel.history() if event.kind == "paid"] == ["settled"] * 3
    assert not asel.paying.consider(request, 60_000).earlier


def test_parts_of_one_forgotten_payment_are_one_payment_whenever_they_come(net: WalletNetwork) -> None:
    """Paid from two keys, so in two transfers; the ledger tells of them one by one."""
    net.wallet("asel", 60_000), net.wallet("berik", bank="zhibek")
    net.reconcile("asel", anew=True)
    net.fund("asel", 60_000)
    request = net.wallets["berik"].receiving.request(100_000)
    with forgetting(net, "asel"):
        received = paid(net, request)
    assert len(received.receipt.signed.body.transfers) == 2
    net.reconcile("berik")
    later = net.ledger.rows.pop(received.receipt.signed.body.transfers[0])
    reconciling = net.wallets["asel"].reconciling
    bundle, rows = net.ledger.deliver(net.wallets["asel"]._purse.epochs.own())
    reconciling.deliver(bundle, rows)
    net.ledger.rows[later.transfer] = later
    told(net)
    asel = net.wallets["asel"]
    assert asel.paying.consider(request).amount == 100_000
    payment = asel.paying.of_receipt(received.receipt)
    assert asel.paying.acknowledge(payment, received.receipt) is PaymentState.ACKNOWLEDGED
    assert line(asel, EventKind.PAID).change == -100_000


def test_what_an_older_qalta_was_told_of_is_remembered_at_opening(net: WalletNetwork) -> None:
    net.wallet("asel", 500_000), net.wallet("berik", bank="zhibek")
    request = net.wallets["berik"].receiving.request(100_000)
    with forgetting(net, "asel"):
        paid(net, request)
    told(net, requests=False)
    store = net.wallets["asel"]._purse.store
    with store.transaction():
        store.write("UPDATE forgotten SET request = NULL")
    paying = net.open("asel").paying
    assert paying.consider(request).prior is PaymentState.SHOWN


def test_a_long_history_makes_the_look_for_an_answered_request_no_dearer(net: WalletNetwork) -> None:
    net.wallet("asel", *[1_000] * 30), net.wallet("berik", bank="zhibek")
    ask = net.wallets["berik"].receiving.request
    request, unpaid = ask(1_000), ask(2_000_000)

    def cost() -> int:
        asel = net.wallets["asel"]
        with steps_of(asel._purse.store._connection) as count:
            assert asel.paying.consider(request).prior is not None
            ForgottenPayments(asel._purse).recall(unpaid)
            return count()

    with forgetting(net, "asel"):
        paid(net, request)
    told(net)
    before = cost()
    for requests in (True, False):
        with forgetting(net, "asel"):
            for _ in range(10):
                paid(net, ask(1_000))
        told(net, requests=requests)
    assert len(net.wallets["asel"].history()) == 22
    assert cost() <= 1.1 * before


@pytest.mark.parametrize("forgotten", [False, True])
@pytest.mark.parametrize("at_once", [False, True])
def test_a_refusal_that_only_the_ledger_showed_is_no_funding(
    net: WalletNetwork, forgotten: bool, at_once: bool
) -> None:
    """The receipt was lost: history had `settled -300` and `funded +300 through the ledger`."""
    net.wallet("asel", 100_000), net.wallet("berik", bank="zhibek")
    request = net.wallets["berik"].receiving.request(30_000, valid_for=60)
    back_up(net, "asel", "backup")
    asel = net.wallets["asel"]
    raw = asel.paying.sign(asel.paying.reserve(request))
    if forgotten:
        asel = put_back(net, "asel", "backup")
    net.world.now += 100 * DAY
    received = net.wallets["berik"].receiving.receive(raw)
    assert received.code is not None
    if not at_once:
        net.upload("asel")
    net.reconcile("berik")
    told(net)
    asel = net.wallets["asel"]
    shown = line(asel, EventKind.PAID)
    assert (shown.amount, shown.change, shown.state) == (30_000, 0, "refused")
    assert (asel.balance().held, asel.balance().signed, asel.balance().redeeming) == (100_000, 0, 0)
    assert [event.amount for event in asel.history() if event.kind == "funded"] == [100_000]
    payment = asel.paying.of_receipt(received.receipt)
    assert asel.paying.acknowledge(payment, received.receipt) is PaymentState.REFUSED
    assert asel.paying.summary(payment).code is received.code
    assert asel.paying.receipt(payment) == received.receipt
    assert line(asel, EventKind.PAID).change == 0
