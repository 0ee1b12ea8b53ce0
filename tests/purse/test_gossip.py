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


def test_a_cheat_is_refused_by_who_learns_of_it_from_another_payment(town: WalletNetwork) -> None:
    town.wallet("asel", 100_000)
    town.wallet("cheat", 100_000)
    shop = town.merchant("shop")
    asked = shop.receiving.request(20_000, printed=True)
    _, tainted = pay_unseen(town, "cheat", asked)
    town.revoke(town.revocation_id_of("cheat"), Reason.CONFLICT)
    town.learn_policy("asel")
    town.pay("asel", "shop", 10_000)
    assert shop.reconciling.policy_version == 1
    assert shop.receiving.receive(tainted).code is Code.REVOKED_CONFLICT


def test_a_policy_with_a_bad_signature_is_passed_over(town: WalletNetwork) -> None:
    town.wallet("asel", 100_000)
    shop = town.merchant("shop")
    _, raw = pay_unseen(town, "asel", shop.receiving.request(10_000))
    town.revoke(town.revocation_id_of("asel"), Reason.CONFLICT)
    forged = replace(town.deltas[0], signature=town.world.head().signature)
    received = shop.receiving.receive(
        replace(parse_payment(raw), policy=PolicyUpdate(None, (forged,))).encode()
    )
    assert (received.code, shop.reconciling.policy_version) == (None, 0)


def test_news_travel_in_pieces_that_fit(town: WalletNetwork) -> None:
    asel, shop = town.wallet("asel", 100_000), town.merchant("shop")
    for number in range(MAX_DELTAS + 3):
        town.revoke(bytes([number] * 16), Reason.LOST)
    town.learn_policy("asel")
    town.pay("asel", "shop", 10_000)
    assert shop.reconciling.policy_version == MAX_DELTAS
    town.pay("asel", "shop", 10_000)
    assert shop.reconciling.policy_version == MAX_DELTAS + 3
    assert asel._purse.authority.update_for(MAX_DELTAS + 3) is None


def test_time_is_the_latest_signed_one(town: WalletNetwork) -> None:
    town.wallet("asel", 100_000)
    shop = town.merchant("shop")
    town.ahead["shop"] = -30 * DAY
    town.world.now += 5
    town.revoke(b"\7" * 16, Reason.LOST)
    town.learn_policy("asel")
    assert shop.now() == town.world.now - 5
    town.pay("asel", "shop", 10_000)
    assert shop.now() == town.world.now
