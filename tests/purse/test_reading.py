"""Looking at a purse: history, the hands of a token, and what is at risk."""

from __future__ import annotations

from tests.support.wallets import WalletNetwork
from tests.support.world import DAY
from wallet.purse.view.history import EventKind


def test_history_and_chain(net: WalletNetwork) -> None:
    asel = net.wallet("asel", 100_000)
    shop, dina = net.merchant("shop"), net.wallet("dina")
    net.world.now += 60
    payment = asel.paying.reserve(shop.receiving.request(30_000, memo="нан мен сүт"))
    received = shop.receiving.receive(asel.paying.sign(payment))
    net.world.now += 60
    net.pay("shop", "dina", 30_000)
    paid = asel.history()[-1]
    assert (paid.kind, paid.who, paid.memo, paid.amount) == (EventKind.PAID, "Shop", "нан мен сүт", 30_000)
    assert [event.kind for event in shop.history()] == [EventKind.RECEIVED, EventKind.PAID]
    assert [event.who for event in dina.history()] == ["Shop"]
    links = dina.chain(dina.tokens()[0].token.ref)
    assert [(link.hop, link.amount) for link in links] == [(0, 100_000), (1, 30_000), (2, 30_000)]
    assert [link.signer for link in links] == [None, net.id_of("asel"), net.id_of("shop")]
    assert links[1].txid == received.tokens[0].ref.txid


def test_risk_says_what_goes_with_the_device_and_until_when(net: WalletNetwork) -> None:
    asel, berik = net.wallet("asel", 100_000), net.wallet("berik")
    assert (berik.risk().amount, berik.risk().until) == (0, None)
    net.pay("asel", "berik", 30_000)
    risk = berik.risk()
    assert (risk.amount, risk.unsettled, risk.until) == (30_000, 30_000, net.world.now + (90 + 30) * DAY)
    assert (asel.risk().amount, asel.risk().unsettled) == (70_000, 0)
