"""Handlers of jobs: what becomes open while a job ends is done as well, and nothing waits for what must wait."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ledger_sync.bank.jobs.work import JobQueue
from ledger_sync.bank.peers import CentralBankClient
from ledger_sync.bank.ports.jobs import Job, JobKind
from ledger_sync.bank.settlement.handlers import RevocationHandler
from tests.ledger_sync.bank.customers import Customer
from tests.ledger_sync.bank.inside import store_of
from tests.ledger_sync.bank.network import LedgerNetwork
from tests.support.world import DAY, Key
from wallet.protocol.policy import Reason


class Meanwhile(JobQueue):
    """A list of work where another thread does something just before a piece of it is noted as done; it may have to
    wait for that."""

    def __init__(self, net: LedgerNetwork, step: Callable[[], None]) -> None:
        super().__init__(net.banks["alatau"].node.context.storage.jobs, lambda: net.now, "1")
        self.other = threading.Thread(target=step)

    def done(self, item: Job) -> None:
        self.other.start()
        self.other.join(0.3)
        super().done(item)


def account_of(net: LedgerNetwork, customer: Customer) -> str:
    account = net.banks[customer.bank].node.wallets.customer_of(customer.key)
    assert account is not None
    return account


def listed(net: LedgerNetwork, *certified: bytes) -> bool:
    return set(certified) <= set(net.policy().revoked)


def test_what_is_revoked_as_the_work_ends_is_revoked(net: LedgerNetwork) -> None:
    aigul = net.customer("Aigul")
    node, account = net.banks["alatau"].node, account_of(net, aigul)
    certificate = aigul.certify()
    item = Job(JobKind.REVOKE, "", account.encode())
    with store_of(node).transaction():
        node.work.add(item)
    work = Meanwhile(net, lambda: node.wallets.revoke(account, Reason.LIMITS))
    home = net.network.homes["alatau"]
    line = CentralBankClient(home.line(home.config["central_bank"], home.signer("bank")))
    RevocationHandler(node.context, node.objects, node.wallets, work, line).revoke(item)
    work.other.join()
    net.settle_down()
    assert listed(net, certificate.body.revocation_id)


def test_a_certificate_that_is_dated_ahead_keeps_no_other_from_being_revoked(net: LedgerNetwork) -> None:
    """The bank's clock was a day and a half ahead for a while."""
    aigul = net.customer("Aigul")
    good = aigul.certify()
    net.network.ahead["alatau"] = DAY + DAY // 2
    net.network.ahead[aigul.device.name] = DAY + DAY // 2
    ahead = aigul.certify_key(Key.of("ahead"))
    net.network.ahead.clear()
    aigul.line().post("/v1/losses", [])
    net.settle_down()
    assert listed(net, good.body.revocation_id)
    assert not listed(net, ahead.body.revocation_id)
    net.let_a_day_pass()
    assert listed(net, ahead.body.revocation_id)
