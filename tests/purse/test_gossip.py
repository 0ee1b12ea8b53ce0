"""Gossip: a policy that came with a payment counts if it is signed, and is passed on in pieces that fit."""

from __future__ import annotations

from dataclasses import replace

from tests.support.purses import pay_unseen
from tests.support.wallets import WalletNetwork
from tests.support.world import DAY
from wallet.protocol.bounds import MAX_DELTAS
from wallet.protocol.codes import Code
from wallet.protocol.payment import parse_payment
from wallet.protocol.policy import PolicyUpdate, Reason


def test_a_cheat_is_refused_by_who_learns_of_it_from_another_payment(net: WalletNetwork) -> None:
    net.wallet("asel", 100_000)
    net.wallet("cheat", 100_000)
    shop = net.merchant("shop")
    asked = shop.receiving.request(20_000, printed=True)
    _, tainted = pay_unseen(net, "cheat", asked)
    net.revoke(net.revocation_id_of("cheat"), Reason.CONFLICT)
    net.learn_policy("asel")
    net.pay("asel", "shop", 10_000)
    assert shop.reconciling.policy_version == 1
    assert shop.receiving.receive(tainted).code is Code.REVOKED_CONFLICT


def test_a_policy_with_a_bad_signature_is_passed_over(net: WalletNetwork) -> None:
    net.wallet("asel", 100_000)
    shop = net.merchant("shop")
    _, raw = pay_unseen(net, "asel", shop.receiving.request(10_000))
    net.revoke(net.revocation_id_of("asel"), Reason.CONFLICT)
    forged = replace(net.deltas[0], signature=net.world.head().signature)
    received = shop.receiving.receive(
        replace(parse_payment(raw), policy=PolicyUpdate(None, (forged,))).encode()
    )
    assert (received.code, shop.reconciling.policy_version) == (None, 0)


def test_news_travel_in_pieces_that_fit(net: WalletNetwork) -> None:
    asel, shop = net.wallet("asel", 100_000), net.merchant("shop")
    for number in range(MAX_DELTAS + 3):
        net.revoke(bytes([number] * 16), Reason.LOST)
    net.learn_policy("asel")
    net.pay("asel", "shop", 10_000)
    assert shop.reconciling.policy_version == MAX_DELTAS
    net.pay("asel", "shop", 10_000)
    assert shop.reconciling.policy_version == MAX_DELTAS + 3
    assert asel._purse.authority.update_for(MAX_DELTAS + 3) is None


def test_time_is_the_latest_signed_one(net: WalletNetwork) -> None:
    net.wallet("asel", 100_000)
    shop = net.merchant("shop")
    net.ahead["shop"] = -30 * DAY
    net.world.now += 5
    net.revoke(b"\7" * 16, Reason.LOST)
    net.learn_policy("asel")
    assert shop.now() == net.world.now - 5
    net.pay("asel", "shop", 10_000)
    assert shop.now() == net.world.now
