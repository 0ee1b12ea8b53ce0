"""Conflicts: who comes second settles short, and whoever signed twice is proved."""

from __future__ import annotations

from tests.support.purses import Clone, pay_unseen, refused
from tests.support.wallets import WalletNetwork
from wallet.protocol.codes import Code
from wallet.protocol.evidence import Contradiction, check_evidence
from wallet.purse.evidences import Evidences
from wallet.purse.store.tokens import TokenState


def test_who_comes_second_settles_short_and_keeps_the_evidence(net: WalletNetwork, clone: Clone) -> None:
    net.wallet("asel", 50_000)
    berik, dina = net.wallet("berik", 10_000), net.wallet("dina")
    _, one = pay_unseen(net, "asel", berik.receiving.request(50_000))
    other = clone.second_payment(dina.receiving.request(50_000))
    berik.receiving.receive(one)
    dina.receiving.receive(other)
    net.reconcile("dina")
    net.reconcile("berik")
    assert (dina.balance().spendable, berik.balance().spendable, berik.balance().held) == (
        50_000,
        10_000,
        10_000,
    )
    (evidence,) = berik.evidence()
    assert evidence.kind is Contradiction.CONFLICT
    assert check_evidence(evidence, net.world.directory()).wallet == net.id_of("asel")
    with refused(Code.FUNDS_SHORT):
        berik.paying.consider(dina.receiving.request(10_001))


def test_a_short_token_is_not_passed_on_and_redeems_what_settled(net: WalletNetwork, clone: Clone) -> None:
    net.wallet("asel", 50_000, 20_000)
    berik, dina = net.wallet("berik"), net.wallet("dina")
    _, one = pay_unseen(net, "asel", berik.receiving.request(70_000))
    asel = net.wallets["asel"]._purse
    (first,) = (asel.objects.transfer(row["txid"]) for row in asel.store.rows("SELECT txid FROM outgoing"))
    smaller = next(ref for ref in first.body.inputs if asel.objects.token(ref).amount == 20_000)  # type: ignore[union-attr]
    other = clone.payment_of(smaller, dina.receiving.request(20_000))
    dina.receiving.receive(other)
    net.reconcile("dina")
    berik.receiving.receive(one)
    net.reconcile("berik")
    assert (berik.balance().spendable, berik.balance().held) == (0, 50_000)
    with refused(Code.RECONCILE_FIRST):
        net.pay("berik", "dina", 50_000)
    berik.reconciling.exchanging.begin_refresh()
    net.upload("berik")
    assert berik.balance().spendable == 50_000


def test_a_sequence_fork_is_evidence_too(net: WalletNetwork, clone: Clone) -> None:
    net.wallet("asel", 50_000, 20_000)
    shop = net.merchant("shop")
    request = shop.receiving.request(20_000, printed=True)
    _, one = pay_unseen(net, "asel", request)
    asel = net.wallets["asel"]._purse
    (other_token,) = (item.token.ref for item in asel.tokens.all(TokenState.HELD))
    other = clone.payment_of(other_token, shop.receiving.request(50_000))
    assert shop.receiving.receive(one).code is None
    assert shop.receiving.receive(other).code is None
    (evidence,) = shop.evidence()
    assert evidence.kind is Contradiction.SEQUENCE_FORK
    assert shop.balance().held == 70_000


def test_a_token_that_something_else_consumed_is_lost(net: WalletNetwork, clone: Clone) -> None:
    """The own keystore was copied, and the copy came first."""
    asel, dina = net.wallet("asel", 50_000), net.wallet("dina")
    (token,) = (item.token.ref for item in asel.tokens())
    payment = clone.payment_of(token, dina.receiving.request(50_000))
    dina.receiving.receive(payment)
    net.reconcile("dina")
    net.reconcile("asel")
    assert asel.balance().held == 0


def test_an_intent_whose_token_was_lost_is_not_signed(net: WalletNetwork, clone: Clone) -> None:
    asel, berik, dina = net.wallet("asel", 50_000), net.wallet("berik"), net.wallet("dina")
    (token,) = (item.token.ref for item in asel.tokens())
    dina.receiving.receive(clone.payment_of(token, dina.receiving.request(50_000)))
    intent = asel.paying.reserve(berik.receiving.request(20_000))
    net.reconcile("dina")
    net.reconcile("asel")
    with refused(Code.RECONCILE_FIRST):
        asel.paying.sign(intent)
    assert [item.told for item in asel.paying.pending()] == [True], "the copy's, and no intent"
    assert asel.balance().held == 0


def test_money_of_a_cheat_that_we_can_prove_is_not_passed_on(net: WalletNetwork, clone: Clone) -> None:
    net.wallet("asel", 50_000)
    berik, dina, shop = net.wallet("berik"), net.wallet("dina"), net.merchant("shop")
    _, one = pay_unseen(net, "asel", berik.receiving.request(50_000))
    dina.receiving.receive(clone.second_payment(dina.receiving.request(50_000)))
    berik.receiving.receive(one)
    net.pay("berik", "shop", 50_000)
    assert shop.balance().spendable == 50_000
    shop.receiving.receive(pay_unseen(net, "dina", shop.receiving.request(50_000))[1])
    assert (shop.balance().spendable, shop.balance().waiting) == (0, 50_000)
    with refused(Code.RECONCILE_FIRST):
        shop.paying.consider(dina.receiving.request(50_000))


def test_one_wallet_id_at_two_banks_hides_neither_cheat(net: WalletNetwork) -> None:
    """A bank may give its own customer the id of another bank's: that one is still named by what it signed itself."""
    names = {"cheat": "alatau", "other": "zhibek"}
    for name, bank in names.items():
        net.wallet(name, 50_000, bank=bank, wallet=bytes(16))
    shop, dina = net.merchant("shop"), net.wallet("dina")
    for name in names:
        net.pay(name, "dina", 50_000)
        asked = shop.receiving.request(50_000)
        assert shop.receiving.receive(Clone(net, name).second_payment(asked)).code is None
    net.pay("dina", "shop", 100_000)
    named = {net.revocation_id_of(name) for name in names}
    assert {item.certificate.body.revocation_id for item in shop.evidence()} == named
    assert Evidences(shop._purse).culprits() == named
    assert dina.evidence() == ()
