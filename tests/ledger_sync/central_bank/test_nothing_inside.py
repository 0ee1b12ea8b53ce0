"""Nothing is signed or verified while a transaction of the central bank is open: others would wait for it."""

from __future__ import annotations

from ledger_sync.central_bank.registry import POOL_SECONDS
from ledger_sync.sandbox.in_process import named
from tests.ledger_sync.central_bank.policies import revoke
from tests.ledger_sync.central_bank.rig import CentralBankRig
from tests.support.inside import SIGNING, VERIFYING, watching
from wallet.protocol import cose
from wallet.protocol.bounds import DAY
from wallet.protocol.policy import Reason
from wallet.protocol.transfer import Refresh, ToAccount


def test_a_watch_sees_what_is_inside(rig: CentralBankRig) -> None:
    key = rig.ledger.world.bank_key("alatau")
    body = rig.ledger.world.signed_directory().body
    with watching(lambda: rig.storage.store.in_transaction) as seen:
        cose.sign(body, key.sign)
        with rig.storage.transaction():
            cose.sign(body, key.sign)
    assert seen == [(SIGNING, False), (SIGNING, True)]


def test_money_and_policy_come_and_go_and_nothing_is_signed_or_verified_inside(rig: CentralBankRig) -> None:
    ledger = rig.ledger
    ann, bob = ledger.person("ann"), ledger.person("bob", "zhibek")
    with watching(lambda: rig.storage.store.in_transaction) as seen:
        rig.operator.post("/v1/issues", [named("more"), "alatau", 1_000])
        one, two, three = rig.fund(ann, 100, 200, 300)
        paid = ledger.pay(ann, [one], bob, 60)
        defunded = ledger.redeem(ann, [two], ToAccount())
        fresh = ledger.redeem(bob, paid[:1], Refresh(bob.key.public, (60,)))
        rig.commit(paid, defunded)
        rig.commit(fresh, bank="zhibek")
        assert rig.redeem(defunded) == (None, 200)
        assert rig.redeem(fresh)[1] == 60
        revoke(rig, (ann, Reason.LOST))
        rig.now += POOL_SECONDS
        rig.registry.update_since(0)
        rig.now = three.expires + rig.terms.grace + DAY
        shown = ann.possession().to_cbor()
        rig.alatau.post("/v1/refunds", [three.ref.to_cbor(), *rig.proof(), shown])
        rig.registry.drop_expired()
    kinds = [code for code, _ in seen]
    assert kinds.count(SIGNING) > 8
    assert kinds.count(VERIFYING) > 8
    assert [code.co_name for code, is_inside in seen if is_inside] == []
