"""Conflicts: who comes second settles short, and whoever signed twice is proved."""

from __future__ import annotations

from tests.support.purses import Clone, pay_unseen, refused
from tests.support.wallets import WalletNetwork
from wallet.protocol.codes import Code
from wallet.protocol.evidence import Contradiction, check_evidence
from wallet.purse.evidences import Evidences
from wallet.purse.store.tokens import TokenState


def test_who_comes_second_settles_short_and_keeps_the_evidence(town: WalletNetwork, clone: Clone) -> None:
    town.wallet("asel", 50_000)
    berik, dina = town.wallet("berik", 10_000), town.wallet("dina")
    _, one = pay_unseen(town, "asel", berik.receiving.request(50_000))
    other = clone.second_payment(dina.receiving.request(50_000))
    berik.receiving.receive(one)
    dina.receiving.receive(other)
    town.reconcile("dina")
    town.reconcile("berik")
    assert (dina.balance().spendable, berik.balance().spendable, berik.balance().held) == (
        50_000,
        10_000,
        10_000,
    )
    (evidence,) = berik.evidence()
    assert evidence.kind is Contradiction.CONFLICT
    assert check_evidence(evidence, town.world.directory()).wallet == town.id_of("asel")
    with refused(Code.FUNDS_SHORT):
        berik.paying.consider(dina.receiving.request(10_001))


def test_a_short_token_is_not_passed_on_and_redeems_what_settled(town: WalletNetwork, clone: Clone) -> None:
    town.wallet("asel", 50_000, 20_000)
    berik, dina = town.wallet("berik"), town.wallet("dina")
    _, one = pay_unseen(town, "asel", berik.receiving.request(70_000))
    asel = town.wallets["asel"]._purse
    (first,) = (asel.objects.transfer(row["txid"]) for row in asel.store.rows("SELECT txid FROM outgoing"))
    smaller = next(ref for ref in first.body.inputs if asel.objects.token(ref).amount == 20_000)  # type: ignore[union-attr]
    other = clone.payment_of(smaller, dina.receiving.request(20_000))
    dina.receiving.receive(other)
    town.reconcile("dina")
    berik.receiving.receive(one)
    town.reconcile("berik")
    assert (berik.balance().spendable, berik.balance().held) == (0, 50_000)
    with refused(Code.RECONCILE_FIRST):
        town.pay("berik", "dina", 50_000)
    berik.reconciling.exchanging.begin_refresh()
    town.upload("berik")
    assert berik.balance().spendable == 50_000


def test_a_sequence_fork_is_evidence_too(town: WalletNetwork, clone: Clone) -> None:
    town.wallet("asel", 50_000, 20_000)
    shop = town.merchant("shop")
    request = shop.receiving.request(20_000, printed=True)
    _, one = pay_unseen(town, "asel", request)
    asel = town.wallets["asel"]._purse
    (other_token,) = (item.token.ref for item in asel.tokens.all(TokenState.HELD))
    other = clone.payment_of(other_token, shop.receiving.request(50_000))
    assert shop.receiving.receive(one).code is None
    assert shop.receiving.receive(other).code is None
    (evidence,) = shop.evidence()
    assert evidence.kind is Contradiction.SEQUENCE_FORK
    assert shop.balance().held == 70_000


def test_a_token_that_something_else_consumed_is_lost(town: WalletNetwork, clone: Clone) -> None:
    """The own keystore was copied, and the copy came first."""
    asel, dina = town.wallet("asel", 50_000), town.wallet("dina")
    (token,) = (item.token.ref for item in asel.tokens())
    payment = clone.payment_of(token, dina.receiving.request(50_000))
    dina.receiving.receive(payment)
    town.reconcile("dina")
    town.reconcile("asel")
    assert asel.balance().held == 0


def test_an_intent_whose_token_was_lost_is_not_signed(town: WalletNetwork, clone: Clone) -> None:
    asel, berik, dina = town.wallet("asel", 50_000), town.wallet("berik"), town.wallet("dina")
    (token,) = (item.token.ref for item in asel.tokens())
    dina.receiving.receive(clone.payment_of(token, dina.receiving.request(50_000)))
    intent = asel.paying.reserve(berik.receiving.request(20_000))
    town.reconcile("dina")
    town.reconcile("asel")
    with refused(Code.RECONCILE_FIRST):
        asel.paying.sign(intent)
    assert [item.told for item in asel.paying.pending()] == [True], "the copy's, and no intent"
    assert asel.balance().held == 0


def test_money_of_a_cheat_that_we_can_prove_is_not_passed_on(town: WalletNetwork, clone: Clone) -> None:
    town.wallet("asel", 50_000)
    berik, dina, shop = town.wallet("berik"), town.wallet("dina"), town.merchant("shop")
    _, one = pay_unseen(town, "asel", berik.receiving.request(50_000))
    dina.receiving.receive(clone.second_payment(dina.receiving.request(50_000)))
    berik.receiving.receive(one)
    town.pay("berik", "shop", 50_000)
    assert shop.balance().spendable == 50_000
    shop.receiving.receive(pay_unseen(town, "dina", shop.receiving.request(50_000))[1])
    assert (shop.balance().spendable, shop.balance().waiting) == (0, 50_000)
    with refused(Code.RECONCILE_FIRST):
        shop.paying.consider(dina.receiving.request(50_000))


def test_one_wallet_id_at_two_banks_hides_neither_cheat(town: WalletNetwork) -> None:
    """A bank may give its own customer the id of another bank's: that one is still named by what it signed itself."""
    names = {"cheat": "alatau", "other": "zhibek"}
    for name, bank in names.items():
        town.wallet(name, 50_000, bank=bank, wallet=bytes(16))
    shop, dina = town.merchant("shop"), town.wallet("dina")
    for name in names:
        town.pay(name, "dina", 50_000)
        asked = shop.receiving.request(50_000)
        assert shop.receiving.receive(Clone(town, name).second_payment(asked)).code is None
    town.pay("dina", "shop", 100_000)
    named = {town.revocation_id_of(name) for name in names}
    assert {item.certificate.body.revocation_id for item in shop.evidence()} == named
    assert Evidences(shop._purse).culprits() == named
    assert dina.evidence() == ()
