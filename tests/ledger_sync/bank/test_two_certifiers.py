"""Two processes of one bank certify at once: what was signed counts only if what it was signed for still stands.

The other process acts while the first one signs, which no lock and no transaction of the first one hinders.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ledger_sync.bank.api.node import Node
from ledger_sync.http.call import Signer
from ledger_sync.possession import possession_message
from tests.ledger_sync.bank.customers import Customer
from tests.ledger_sync.bank.inside import store_of
from tests.ledger_sync.bank.network import LedgerNetwork
from tests.ledger_sync.bank.processes import another_process
from tests.ledger_sync.bank.watched import watched
from tests.support.world import Key
from wallet.protocol.certificate import Certificate, WalletKind
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.keys import Sign
from wallet.protocol.policy import Reason

MOST = 2
"""Unexpired wallet ids of one device."""


@pytest.fixture
def net(net: LedgerNetwork) -> LedgerNetwork:
    net.resize(wallets=MOST)
    return net


class Slow:
    """A signing key during whose first use something happens."""

    def __init__(self, sign: Sign, meanwhile: Callable[[], object]) -> None:
        self._sign = sign
        self._meanwhile: Callable[[], object] | None = meanwhile
        self.signed = 0

    def __call__(self, message: bytes) -> bytes:
        self.signed += 1
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return self._sign(message)


def certify(node: Node, customer: Customer, key: Key, total: int = 0) -> Signed[Certificate]:
    device = customer.device.public
    proof = key.sign(possession_message(customer.bank, device))
    return node.certification.certify(customer.account, device, key.public, total, proof)


def meanwhile(net: LedgerNetwork, happens: Callable[[Node], object]) -> tuple[Node, Slow]:
    """A process of the bank, and its key; while it signs, something happens at another one."""
    running = net.banks["alatau"].node
    own = running.context.keys.at(0)
    sign = Slow(own.sign, lambda: happens(running))
    return another_process(net, keys=Signer(own.key, sign)), sign


def count(net: LedgerNetwork, table: str, key: Key) -> int:
    sql = f"select count(*) from {table} where key = ?"
    return int(store_of(net.banks["alatau"].node).value(sql, (key.public,)))


def test_one_key_gets_one_certificate(net: LedgerNetwork) -> None:
    asel, key = net.customer("asel"), Key.of("new")
    made: list[Signed[Certificate]] = []
    node, sign = meanwhile(net, lambda other: made.append(certify(other, asel, key)))
    assert certify(node, asel, key) == made[0]
    assert (count(net, "wallets", key), count(net, "certificates", key), sign.signed) == (1, 1, 1)
    node.context.storage.close()


def test_a_merchants_key_gets_one_more_after_the_other(net: LedgerNetwork) -> None:
    """What it was to follow is not the newest any more, and the total is another."""
    shop = net.customer("Shop", kind=WalletKind.MERCHANT)
    key = shop.person.key
    net.now += 1
    made: list[Signed[Certificate]] = []
    net.resize(wallets=MOST + 1)
    node, sign = meanwhile(net, lambda other: made.append(certify(other, shop, key, 100)))
    certificate = certify(node, shop, key, 200)
    assert (made[0].body.total, certificate.body.total, sign.signed) == (100, 200, 2)
    assert count(net, "wallets", key) == count(net, "certificates", key) == MOST + 1
    node.context.storage.close()


def test_a_key_that_another_customer_got_meanwhile_is_refused(net: LedgerNetwork) -> None:
    asel, other, key = net.customer("asel"), net.customer("other"), Key.of("new")
    node, _sign = meanwhile(net, lambda running: certify(running, other, key))
    with pytest.raises(Refusal) as refused:
        certify(node, asel, key)
    assert refused.value.code is Code.AUTH_FORBIDDEN
    assert node.wallets.customer_of(key.public) == other.account
    assert (count(net, "wallets", key), count(net, "certificates", key)) == (1, 1)
    assert count(net, "possessions", key) == 1
    node.context.storage.close()


def test_who_is_revoked_for_a_contradiction_meanwhile_gets_no_certificate(net: LedgerNetwork) -> None:
    asel, key = net.customer("asel"), Key.of("new")

    def revoke(running: Node) -> None:
        running.wallets.revoke(asel.account, Reason.CONFLICT)

    node, _sign = meanwhile(net, revoke)
    with pytest.raises(Refusal) as refused:
        certify(node, asel, key)
    assert refused.value.code is Code.WALLET_REVOKED
    assert (count(net, "wallets", key), count(net, "certificates", key)) == (0, 0)
    node.context.storage.close()


def test_two_never_make_more_than_a_device_may_have(net: LedgerNetwork) -> None:
    asel = net.customer("asel")
    node, _sign = meanwhile(net, lambda running: certify(running, asel, Key.of("one")))
    with pytest.raises(Refusal) as refused:
        certify(node, asel, Key.of("other"))
    assert refused.value.code is Code.TOO_MANY
    assert (count(net, "wallets", Key.of("one")), count(net, "wallets", Key.of("other"))) == (1, 0)
    node.context.storage.close()


def test_nothing_is_signed_while_a_transaction_is_open(net: LedgerNetwork) -> None:
    asel = net.customer("asel")
    node, watch = watched(net)
    certify(node, asel, Key.of("new"))
    assert (len(watch.signed), watch.inside) == (1, [])
